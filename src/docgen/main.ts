/**
 * `npm run docs` rewrites what is generated in the documents; `npm run docs:check` fails when that
 * would change anything.
 */

import { existsSync, readFileSync, writeFileSync } from 'node:fs';

import { documents, pathOf } from './generated.js';

const check = process.argv.includes('--check');
for (const [name, fresh] of Object.entries(documents)) {
  const path = pathOf(name);
  const before = existsSync(path) ? readFileSync(path, 'utf8') : '';
  const after = await fresh(before);
  if (before === after) continue;
  if (check) {
    process.stderr.write(`${name} is stale: npm run docs\n`);
    process.exitCode = 1;
  } else {
    writeFileSync(path, after);
  }
}
