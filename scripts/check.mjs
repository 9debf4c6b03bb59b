// `make check`: types, lint, and the unit tests that what changed since the last commit can reach.
//
//   node scripts/check.mjs [--since main]
//
// The half of `make ready` that takes seconds. Which module reaches which is dependency-cruiser's knowledge;
// tests of documents read files that no module imports, so they always run. ESLint remembers the files that
// did not change: what a change breaks in others is for tsc, or for `make lint`.

import { spawn } from 'node:child_process';
import { parseArgs } from 'node:util';

const { values } = parseArgs({ options: { since: { type: 'string', default: 'HEAD' } } });

const ALWAYS = ['autotests', 'chart-values', 'commands', 'dockerfiles', 'generated'].map(
  (name) => `src/docgen/${name}.test.ts`,
);
const CRUISE = ['depcruise', '--config', 'layers.config.js', 'src'];

/** Runs a tool of node_modules, or Node itself; gives what it wrote, and says it where it failed. */
async function run(tool, ...args) {
  const file = tool === 'node' ? process.execPath : `node_modules/.bin/${tool}`;
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk) => (out += chunk));
  child.stderr.on('data', (chunk) => (err += chunk));
  const code = await new Promise((resolve) => child.once('close', resolve));
  if (code !== 0) {
    process.exitCode = 1;
    process.stdout.write(out + err);
  }
  return out;
}

async function test() {
  const graph = await run(...CRUISE, '--affected', values.since, '--output-type', 'json');
  const affected = JSON.parse(graph)
    .modules.map(({ source }) => source)
    .filter((source) => source.endsWith('.test.ts') && !/^src\/(?:e2e|faults)\//.test(source));
  const files = [...new Set([...affected, ...ALWAYS])].map((source) =>
    source.replace(/^src/, 'dist').replace(/ts$/, 'js'),
  );
  const options = ['--test-reporter=spec', '--test-timeout=180000', '--test-concurrency=2'];
  await run('node', '--test', ...options, ...files);
  return files.length;
}

const start = performance.now();
await run('tsc', '--project', 'tsconfig.json');
if (process.exitCode === undefined) {
  const [files] = await Promise.all([
    test(),
    run('eslint', '--cache', '--cache-location', 'node_modules/.cache/eslint', '.'),
    run(...CRUISE),
  ]);
  const seconds = ((performance.now() - start) / 1000).toFixed(0);
  console.log(
    `${process.exitCode ? 'Failed' : 'Good'}: types, lint, ${files} files of tests; ${seconds} s`,
  );
}
