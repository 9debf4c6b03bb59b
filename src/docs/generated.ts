/**
 * Keeps the generated blocks of README.md equal to the code.
 *
 * A block lies between `<!-- name:begin -->` and `<!-- name:end -->`; what is around it is written by
 * hand and left alone.
 */

import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { blocks } from './tables.js';

export const README = fileURLToPath(new URL('../../README.md', import.meta.url));

/** The file's text; without a file, empty blocks to fill. */
export function readReadme(): string {
  if (existsSync(README)) return readFileSync(README, 'utf8');
  const empty = Object.keys(blocks).map((name) => `<!-- ${name}:begin -->\n<!-- ${name}:end -->\n`);
  return `# Chorus\n\n${empty.join('\n')}`;
}

/**
 * `text` with every block rewritten.
 *
 * @throws {Error} when a block is missing.
 */
export function withFreshBlocks(text: string): string {
  let result = text;
  for (const [name, render] of Object.entries(blocks)) {
    const [begin, end] = [`<!-- ${name}:begin -->`, `<!-- ${name}:end -->`];
    const start = result.indexOf(begin);
    const stop = result.indexOf(end);
    if (start < 0 || stop < start) throw new Error(`README.md lacks the block ${begin} … ${end}`);
    result = `${result.slice(0, start)}${begin}\n\n${render()}\n\n${result.slice(stop)}`;
  }
  return result;
}
