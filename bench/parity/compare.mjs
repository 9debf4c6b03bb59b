// Compares what the engine answered with what transformers answered, and alone with together.
//
//   node bench/parity/compare.mjs <work folder>
//
// Reads profile.yaml, expected/<model>.jsonl, alone.jsonl and together.jsonl there; prints a line for
// each checkpoint and exits with 1 where a difference is above its limit, a label differs or an answer
// is missing. Scores are in [0, 1]; vectors are larger, and their limit grows with their largest number.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { parse } from 'yaml';

const TO_ORACLE = 1e-5;
const TO_ITSELF = 1e-6;
/** A regression answers its logit; a sigmoid would shrink differences of it to a quarter at least. */
const RAW_LOGIT = 4;

function main() {
  const work = process.argv[2];
  const { models } = parse(readFileSync(join(work, 'profile.yaml'), 'utf8'));
  const alone = readLines(join(work, 'alone.jsonl'));
  const together = readLines(join(work, 'together.jsonl'));
  const rows = models.map(({ name }) => {
    const expected = readLines(join(work, 'expected', `${name}.jsonl`));
    const allowance = expected.some(isRaw) ? RAW_LOGIT : 1;
    const outputs = (answers) => answers.map((answer) => answer.outputs[name]);
    return {
      name,
      texts: expected.length,
      oracle: compare(expected, outputs(alone), TO_ORACLE * allowance, alone),
      itself: compare(outputs(alone), outputs(together), TO_ITSELF * allowance, alone),
    };
  });
  print(rows);
  const failures = rows.flatMap(({ name, oracle, itself }) => [
    ...oracle.failures.map((failure) => `${name}, against transformers: ${failure}`),
    ...itself.failures.map((failure) => `${name}, together against alone: ${failure}`),
  ]);
  console.log();
  for (const failure of failures.slice(0, 40)) console.log(failure);
  if (failures.length > 40) console.log(`and ${failures.length - 40} more`);
  console.log(
    failures.length > 0
      ? `FAILED: ${failures.length} differences`
      : `${rows.length} checkpoints agree`,
  );
  process.exitCode = failures.length > 0 ? 1 : 0;
}

/** The largest difference of two lists of outputs, and a line for each text where they disagree. */
function compare(expected, found, limit, answers) {
  const failures = [];
  let largest = 0;
  if (expected.length !== found.length)
    failures.push(`${found.length} answers instead of ${expected.length}`);
  expected.forEach((output, index) => {
    const difference = distance(output, found[index]);
    largest = Math.max(largest, difference.relative);
    if (difference.relative > limit || difference.labels) {
      const text = JSON.stringify(answers[index]?.text ?? '').slice(0, 60);
      failures.push(
        `text ${index} ${text}: ${difference.labels ?? `differs by ${difference.relative.toExponential(1)}`}`,
      );
    }
  });
  return { largest, failures };
}

/** The largest difference over the outputs' numbers, divided by the largest of them where it exceeds 1. */
function distance(expected, found) {
  const [left, right] = [numbers(expected), numbers(found)];
  const missing = [...left.keys()].filter((key) => !right.has(key));
  if (missing.length > 0 || left.size !== right.size) {
    return {
      relative: Infinity,
      labels: `has ${[...right.keys()].slice(0, 5)} instead of ${[...left.keys()].slice(0, 5)}`,
    };
  }
  let largest = 0;
  let scale = 1;
  for (const [key, value] of left) {
    const difference = Math.abs(value - right.get(key));
    // A NaN must not pass for equal.
    largest = Math.max(largest, Number.isNaN(difference) ? Infinity : difference);
    scale = Math.max(scale, Math.abs(value));
  }
  return { relative: largest / scale };
}

/** Whether an output has scores that no softmax or sigmoid gave. */
function isRaw({ scores = {} }) {
  return Object.values(scores).some((score) => score < 0 || score > 1);
}

function numbers(output) {
  return new Map(Object.entries(output?.scores ?? output?.vector ?? {}));
}

function print(rows) {
  const width = Math.max(...rows.map(({ name }) => name.length));
  const line = (name, ...columns) =>
    console.log(name.padEnd(width), ...columns.map((column) => column.padStart(16)));
  line('checkpoint', 'texts', 'to transformers', 'alone/together', 'result');
  for (const { name, texts, oracle, itself } of rows) {
    const passed = oracle.failures.length + itself.failures.length === 0;
    const difference = ({ largest }) => largest.toExponential(1);
    line(name, String(texts), difference(oracle), difference(itself), passed ? 'equal' : 'FAILED');
  }
}

function readLines(path) {
  const lines = readFileSync(path, 'utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line));
}

main();
