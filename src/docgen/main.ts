/**
 * `npm run docs` rewrites the generated blocks of the documents; `npm run docs:check` fails when that
 * would change anything.
 */

import { readFileSync, writeFileSync } from 'node:fs';

import { documents, pathOf, withFreshBlocks } from './generated.js';

const check = process.argv.includes('--check');
for (const name of Object.keys(documents)) {
  const before = readFileSync(pathOf(name), 'utf8');
  const after = withFreshBlocks(name, before);
  if (before === after) continue;
  if (check) {
    process.stderr.write(`${name} is stale: npm run docs\n`);
    process.exitCode = 1;
  } else {
    writeFileSync(pathOf(name), after);
  }
}
