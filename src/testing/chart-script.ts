/**
 * The scripts of the chart (`helm/files`), run as its containers run them.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';

export interface Ended {
  readonly code: number;
  /** Of both streams. */
  readonly output: string;
}

/** Runs `helm/files/<name>` with `env` and no other environment than the path. */
export async function runChartScript(
  name: string,
  env: Readonly<Record<string, string>>,
): Promise<Ended> {
  const source = readFileSync(new URL(`../../helm/files/${name}`, import.meta.url), 'utf8');
  const args = ['--input-type=module', '--eval', source];
  const child = spawn(process.execPath, args, { env: { PATH: process.env.PATH, ...env } });
  const [[code], ...streams] = await Promise.all([
    once(child, 'close') as Promise<[number]>,
    text(child.stdout),
    text(child.stderr),
  ]);
  return { code, output: streams.join('') };
}
