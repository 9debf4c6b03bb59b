/**
 * Tests that exist elsewhere, run by their names; and whether they do exist, which is known without running them.
 */

import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { ExistingTest } from './row.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const MANIFEST = ['--manifest-path', 'native/Cargo.toml'];
const TITLE = /\btest\(\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|`((?:[^`\\]|\\.)*)`)/g;

/** Whether its file declares a test of its name; what a title computes may be anything. */
export function isDeclared({ file, name }: ExistingTest): boolean {
  const source = readFileSync(join(ROOT, file), 'utf8');
  if (file.endsWith('.rs')) return new RegExp(`\\bfn ${name}\\(`).test(source);
  return [...source.matchAll(TITLE)].some(([, single, double, template]) => {
    if (template === undefined) return unescaped(single ?? double ?? '') === name;
    const pattern = template.split(/\$\{[^}]*\}/).map((part) => literally(unescaped(part)));
    return new RegExp(`^${pattern.join('[^]*')}$`).test(name);
  });
}

/** Runs each; fails with the output where one fails or did not run. */
export async function runTests(all: readonly ExistingTest[]): Promise<void> {
  for (const file of new Set(all.map((one) => one.file))) {
    const names = all.filter((one) => one.file === file).map(({ name }) => name);
    await (file.endsWith('.rs') ? runRust(file, names) : runNode(file, names));
  }
}

/** Builds those of Rust, which takes minutes the first time: a row is not to be charged with it. */
export async function buildTests(all: readonly ExistingTest[]): Promise<void> {
  const crates = new Set(all.filter(({ file }) => file.endsWith('.rs')).map(crateOf));
  if (crates.size === 0) return;
  const packages = [...crates].flatMap((crate) => ['--package', crate]);
  await run('cargo', ['test', '--locked', '--no-run', ...MANIFEST, ...packages]);
}

async function runNode(file: string, names: readonly string[]): Promise<void> {
  const built = file.replace(/^src\/(.*)\.ts$/, 'dist/$1.js');
  const patterns = names.map((name) => `--test-name-pattern=^${literally(name)}$`);
  const output = await run(process.execPath, ['--test', '--test-reporter=tap', ...patterns, built]);
  const passed = output
    .split('\n')
    .flatMap((line) => /^\s*ok \d+ - (.*?)(?: # (?!SKIP).*)?$/.exec(line)?.[1] ?? [])
    .map((title) => title.replaceAll('\\#', '#').replaceAll('\\\\', '\\'));
  demand(file, names, passed, output);
}

async function runRust(file: string, names: readonly string[]): Promise<void> {
  const which = ['--package', crateOf({ file })];
  const output = await run('cargo', ['test', '--locked', ...MANIFEST, ...which, '--', ...names]);
  const passed = [...output.matchAll(/^test (?:\w+::)*(\w+)(?: - [^\n]*?)? \.\.\. ok$/gm)];
  demand(
    file,
    names,
    passed.map(([, name = '']) => name),
    output,
  );
}

function crateOf({ file }: Pick<ExistingTest, 'file'>): string {
  return `chorus-${file.split('/')[1] ?? ''}`;
}

function demand(
  file: string,
  names: readonly string[],
  passed: readonly string[],
  output: string,
): void {
  const missing = names.filter((name) => !passed.includes(name));
  if (missing.length > 0) {
    throw new Error(`${file}: not passed: ${missing.join('; ')}\n${output.slice(-4000)}`);
  }
}

/** What it wrote, whatever it ended with: what has passed is looked for in it. */
async function run(command: string, args: readonly string[]): Promise<string> {
  // A test runner inside another says so to its children, which then run nothing.
  const env = { ...process.env, NODE_TEST_CONTEXT: undefined };
  const child = spawn(command, args, { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  }
  await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  return output;
}

function literally(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}

/** A string of source as it is at run time, as far as titles go. */
function unescaped(source: string): string {
  return source.replace(/\\(.)/g, '$1');
}
