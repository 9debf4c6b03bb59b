/**
 * `npm run docs` rewrites README's generated blocks; `npm run docs:check` fails when that would
 * change anything.
 */

import { writeFileSync } from 'node:fs';

import { README, readReadme, withFreshBlocks } from './readme.js';

const before = readReadme();
const after = withFreshBlocks(before);
if (process.argv.includes('--check')) {
  if (before !== after) {
    process.stderr.write('README.md is stale: npm run docs\n');
    process.exit(1);
  }
} else {
  writeFileSync(README, after);
}
