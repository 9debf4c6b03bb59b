// Tables and figures in Markdown, and their place in RESULTS.md.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';

/** What a table has where nothing was measured. */
export const NOTHING = '–';

/** Replaces what is between the markers `[begin, end]`, and nothing else. */
export function writeResults(path, text, [begin, end]) {
  const old = existsSync(path) ? readFileSync(path, 'utf8') : `# Results\n\n${begin}\n${end}\n`;
  const from = old.indexOf(begin);
  const to = old.indexOf(end);
  if (from < 0 || to < from) throw new Error(`${path} lacks its markers ${begin} and ${end}`);
  writeFileSync(path, `${old.slice(0, from)}${begin}\n\n${text}\n\n${old.slice(to)}`);
}

/** Nothing where there are no rows. */
export function titled(title, head, rows) {
  if (rows.length === 0) return [];
  const line = (columns) => `| ${columns.join(' | ')} |`;
  return [`### ${title}`, '', line(head), line(head.map(() => '---')), ...rows.map(line)];
}

export function times(value) {
  return value === undefined ? NOTHING : `${value.toFixed(2)} ×`;
}

export function figure(number) {
  return number >= 100 ? number.toFixed(0) : number.toPrecision(3);
}

export function mebibytes(bytes) {
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}

export function lastLine(text) {
  return text.trim().split('\n').at(-1);
}

export function unique(cells, key) {
  return [...new Set(cells.map((cell) => cell[key]))];
}
