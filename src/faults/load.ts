/**
 * More than the service can answer, by k6's open loop (bench/faults/arrivals.js).
 *
 * Speed is measured in bench/ and never asserted: what is held here is that each request has an answer, that the answer
 * is 200 or 503 with a time to retry, and that neither is all there is.
 */

import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';

import { CANARY } from './answers.js';
import type { Scene } from './scene.js';
import { runTool } from './tools.js';

const SCRIPT = fileURLToPath(new URL('../../bench/faults/arrivals.js', import.meta.url));
const CLIENTS_AT_PEAK = 16;

export interface Arrivals {
  /** Each second. */
  readonly rate: number;
  readonly seconds: number;
  readonly words?: number;
  /** How often whoever is refused asks again, at once. */
  readonly retries?: number;
}

export interface Figures {
  readonly answered: number;
  readonly refused: number;
}

export async function arrive(scene: Scene, arrivals: Arrivals): Promise<Figures> {
  const { rate, seconds, words = 40, retries = 0 } = arrivals;
  const variables = {
    RATE: Math.ceil(rate),
    DURATION: `${seconds}s`,
    WORDS: words,
    RETRIES: retries,
    TARGET: `http://127.0.0.1:${scene.port}/process`,
  };
  const args = Object.entries(variables).flatMap(([name, value]) => ['-e', `${name}=${value}`]);
  const output = await runTool('k6', ['run', '--quiet', ...args, SCRIPT], 120_000);
  const figures = JSON.parse(output) as Figures & { readonly wrong: number };
  assert.equal(figures.wrong, 0, 'every answer is 200, or 503 with Retry-After');
  assert.ok(figures.answered > 0, 'some are answered');
  return figures;
}

/** Answers a second of a closed loop of clients, about: what several times too much is counted by. */
export async function peakOf(scene: Scene, ms = 1500): Promise<number> {
  const end = performance.now() + ms;
  let answered = 0;
  const client = async (_: unknown, index: number) => {
    for (let turn = 0; performance.now() < end; turn += 1) {
      const { status } = await scene.ask(`${index} ${turn} ${`${CANARY} and so on `.repeat(10)}`);
      assert.equal(status, 200);
      answered += 1;
    }
  };
  await Promise.all(Array.from({ length: CLIENTS_AT_PEAK }, client));
  return (answered * 1000) / ms;
}
