/**
 * A service whose answers are kept in a real Redis behind toxiproxy, and what it is asked while something is wrong with it.
 */

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';

import { RedisServer } from '../testing/redis-server.js';
import { until } from '../testing/until.js';
import { CANARY } from './answers.js';
import { withInvariants } from './invariants.js';
import { trial, type Trial } from './row.js';
import { ownScene, type Scene } from './scene.js';
import { Toxiproxy, type Toxic } from './toxiproxy.js';

export const ERRORS = 'chorus_cache_redis_errors_total';
const CIRCUIT = 'chorus_cache_redis_circuit';

export interface RedisStage {
  readonly scene: Scene;
  readonly redis: RedisServer;
  readonly proxy: Toxiproxy;
}

export function flagsFor(url: string): readonly string[] {
  return ['--cache-size', '0', '--cache-redis-url', url];
}

/** With a service that has found an answer in Redis behind toxiproxy. */
export function withRedis(run: (stage: RedisStage) => Promise<void>): Trial {
  return trial(
    async (context) => {
      const stage = await staged(context);
      return withInvariants(stage.scene, { run: () => run(stage) });
    },
    { isLong: true },
  );
}

async function staged(context: TestContext): Promise<RedisStage> {
  const redis = await RedisServer.start(context);
  const proxy = await Toxiproxy.start(context, redis.port);
  const url = `redis://127.0.0.1:${proxy.port}`;
  const scene = await ownScene(context, { flags: flagsFor(url) });
  await hitsAgain(scene);
  return { scene, redis, proxy };
}

export function poisoned(...toxics: readonly Toxic[]): Trial {
  return withRedis(async ({ scene, proxy }) => {
    for (const toxic of toxics) {
      await proxy.add(toxic);
      await asksFor(scene, 2000);
      await leftAlone(scene);
      await proxy.remove(toxic);
      await hitsAgain(scene);
    }
  });
}

export async function outcome(scene: Scene, text: string): Promise<string | undefined> {
  const { status, headers } = await scene.ask(text);
  assert.equal(status, 200);
  return headers['x-cache'];
}

let texts = 0;

export async function asksMuch(scene: Scene): Promise<void> {
  const client = async () => {
    for (let turn = 0; turn < 10; turn += 1) await outcome(scene, `${CANARY} ${(texts += 1)}`);
  };
  await Promise.all(Array.from({ length: 8 }, client));
}

export async function asksFor(scene: Scene, ms: number): Promise<void> {
  const end = performance.now() + ms;
  while (performance.now() < end) await asksMuch(scene);
}

export async function leftAlone(scene: Scene): Promise<void> {
  assert.ok((await scene.count(ERRORS)) >= 5);
  assert.notEqual(await scene.count(CIRCUIT), 0, 'Redis is left alone');
}

export async function hitsAgain(scene: Scene): Promise<void> {
  await until(async () => (await outcome(scene, 'again')) === 'hit', 'Redis is used');
}
