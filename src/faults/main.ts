/**
 * `make faults`: proves the rows of the fault matrix and prints it, a line for each row as it is known.
 *
 *   node dist/faults/main.js [A…F] [number…]
 *
 * Ends with 1 where a row fails. A tool that cannot be had fails its rows.
 */

import { finished } from 'node:stream/promises';
import { run } from 'node:test';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';

import { buildTests } from './existing-tests.js';
import { isWanted, MATRIX } from './matrix.js';
import { GROUPS, isExisting, type Group } from './row.js';

const FILE = fileURLToPath(new URL('matrix.test.js', import.meta.url));
/** A fault that is shorter says nothing of probes. */
const LASTING_MS = 1000;

interface Line {
  readonly title: string;
  readonly result: string;
  readonly ms: number;
}

const wanted = process.argv.slice(2).flatMap((argument) => argument.split(/[\s,]+/));
const unknown = wanted.filter((word) => !(word in GROUPS) && !/^\d+$/.test(word));
if (unknown.length > 0) {
  const groups = Object.keys(GROUPS).join(', ');
  write(
    `faults: no group or row: ${unknown.join(' ')}. Groups are ${groups}; rows have numbers.\n`,
  );
  process.exit(2);
}
process.env.CHORUS_FAULTS = wanted.join(' ');
const rows = MATRIX.filter(([letter, row]) => isWanted(wanted, letter, row)).map(([, row]) => row);
await buildTests(rows.flatMap(({ proofs }) => proofs.filter(isExisting)));

const lines: Line[] = [];
const probes = new Map<number, number>();
const failures: string[] = [];
let group: string | undefined;

const events = run({ files: [FILE], concurrency: 1 });
events.on('test:pass', ({ name, details, skip, nesting }) => {
  if (nesting > 0 || !isRow(name)) return;
  add({
    title: name,
    result: typeof skip === 'string' ? `not applicable: ${skip}` : 'pass',
    ms: details.duration_ms,
  });
});
events.on('test:fail', ({ name, details, nesting }) => {
  if (nesting > 0) return;
  const { cause } = details.error;
  failures.push(`${name}\n${inspect(cause)}`);
  add({ title: name, result: 'FAIL', ms: details.duration_ms });
});
events.on('test:diagnostic', ({ message }) => {
  const [, json] = /^probes (\{.*\})$/.exec(message) ?? [];
  if (json === undefined) return;
  const { number, p99Ms } = JSON.parse(json) as { number: number; p99Ms: number };
  probes.set(number, p99Ms);
});
// They come as it is read.
await finished(events.resume());
summarize();

function isRow(name: string): boolean {
  return /^[A-F] \d+: /.test(name);
}

function add(line: Line): void {
  lines.push(line);
  const [letter = ''] = line.title;
  if (letter !== group && letter in GROUPS) {
    group = letter;
    write(`\n${letter}  ${GROUPS[letter as Group]}\n`);
  }
  const time = `${(line.ms / 1000).toFixed(1)} s`.padStart(8);
  write(`${time}  ${line.title}: ${line.result}\n`);
}

function summarize(): void {
  const lasting = lines.filter(({ ms, title }) => ms >= LASTING_MS && probes.has(numberOf(title)));
  if (lasting.length > 0) {
    write('\np99 of /livez and /readyz during faults of more than a second (goal: 250 ms)\n');
    for (const { title } of lasting) {
      const ms = probes.get(numberOf(title)) ?? 0;
      write(`${`${ms.toFixed()} ms`.padStart(8)}  ${title}\n`);
    }
  }
  for (const failure of failures) write(`\n${failure}\n`);
  const count = (start: string) => lines.filter(({ result }) => result.startsWith(start)).length;
  const [passed, failed, not] = [count('pass'), count('FAIL'), count('not applicable')];
  write(`\n${passed} passed, ${failed} failed, ${not} not applicable\n`);
  if (failed > 0 || lines.length === 0) process.exitCode = 1;
}

function numberOf(title: string): number {
  return Number(/\d+/.exec(title)?.[0]);
}

function write(text: string): void {
  process.stdout.write(text);
}
