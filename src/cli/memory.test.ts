import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { EngineConfig, Footprint } from '../engine/native-models.js';
import { StartError } from '../start-error.js';
import { testProfile } from '../testing/test-service.js';
import { alone, memoryOf, requireIndexRoom, requireMemory } from './memory.js';

const MIB = 1024 ** 2;
const profile = { ...testProfile(['a', 'b']), precisions: { int8: 0.995 } };
const settings = { cacheSize: 0, maxBodyMemory: 0, memoryLimit: 0, modelMemory: 0 };

function configOf(precision: string, names: readonly string[] = ['a', 'b']) {
  return { models: names.map((name) => ({ name })), precision } as EngineConfig;
}

/** A machine of 512 MiB, where a model takes 500 MiB exactly and a tenth of it otherwise. */
function machine(rest: Partial<Footprint> = {}) {
  return ({ models, precision }: EngineConfig): Promise<Footprint> =>
    Promise.resolve({
      models: models.map(({ name }) => {
        const weights = (precision === 'exact' ? 500 : 50) * MIB;
        return { name, isLazy: false, weights, buffers: 0, mapped: 0 };
      }),
      ...{ tokenizers: 0, loadingTokenizers: 0, packing: 0, lanes: 1, cpuQuota: 0 },
      ...{ isOnCpu: true, memoryLimit: 512 * MIB },
      ...rest,
    });
}

async function refusal(wanted: typeof settings, precision: string, ask = machine()) {
  const memory = await memoryOf(wanted, configOf(precision), {}, ask);
  return requireMemory(memory, wanted, profile, ask).then(
    () => undefined,
    (error: unknown) => (error instanceof StartError ? error.lines.join('\n') : assert.fail()),
  );
}

test('a start that does not fit is refused with a precision that would', async () => {
  assert.match((await refusal(settings, 'exact')) ?? '', /may take 512 MiB[^]*--precision int8 \(/);
  assert.equal(await refusal(settings, 'int8'), undefined);
});

test('of fewer lanes the most that fit are offered', async () => {
  const perLane = 30 * MIB;
  const ask = async (config: EngineConfig) => {
    const of = await machine({ tokenizers: 0 })(config);
    const lanes = config.lanes || 64;
    return { ...of, lanes, tokenizers: lanes * perLane };
  };
  const lines = (await refusal(settings, 'int8', ask)) ?? '';
  assert.match(lines, /What would fit: --lanes 4 \(/);
  assert.doesNotMatch(lines, /--lanes (?:8|2|1) /);
});

test('a stated limit replaces what was found', async () => {
  assert.equal(await refusal({ ...settings, memoryLimit: 4096 * MIB }, 'exact'), undefined);
  assert.ok(await refusal({ ...settings, memoryLimit: 100 * MIB }, 'int8'));
});

test('where no limit is known, and on a GPU, nothing is refused', async () => {
  assert.equal(await refusal(settings, 'exact', machine({ memoryLimit: 0 })), undefined);
  assert.equal(await refusal(settings, 'exact', machine({ isOnCpu: false })), undefined);
});

test('a reload counts what it does not take over', async () => {
  const before = await memoryOf(settings, configOf('int8'), {}, machine());
  const added = async (config: EngineConfig) => {
    const { need } = await memoryOf(settings, config, { before }, machine());
    return (need.bytes - before.need.bytes) / MIB;
  };
  assert.equal(await added(configOf('int8')), 0);
  assert.equal(await added(configOf('int8', ['a', 'b', 'c'])), 50);
  assert.equal(await added(configOf('exact')), 1000, 'another precision is another model');
  const beside = await memoryOf(settings, configOf('exact'), { before }, machine());
  const fresh = await memoryOf(settings, configOf('exact'), {}, machine());
  assert.deepEqual(alone(beside, settings).need, fresh.need, 'what was served before is gone then');
});

test('another generation of the index is refused that does not fit beside the one that is served', async () => {
  const index = { read: 60 * MIB, held: 0 };
  // 276 MiB without an index.
  const memory = await memoryOf(settings, configOf('int8'), { index }, machine());
  const room = (read: number, of = memory) => {
    const next = { read: read * MIB, held: 0 };
    requireIndexRoom(of, settings, 'b', { next, served: index });
  };
  room(170);
  assert.throws(
    () => {
      room(180);
    },
    (error) => {
      const { lines } = error as StartError;
      assert.match(
        lines[0] ?? '',
        /^b needs 516 MiB of memory with .*, and the process may take 512 MiB:/,
      );
      assert.match(lines.at(-1) ?? '', /^What would fit: a restart, which needs 456 MiB;/);
      return true;
    },
  );
  room(180, { ...memory, limit: 0 });
  room(180, { ...memory, footprint: { ...memory.footprint, isOnCpu: false } });
  const lines = await requireMemory(
    { ...memory, limit: 300 * MIB },
    settings,
    profile,
    machine(),
  ).then(
    () => assert.fail(),
    (error: unknown) => (error as StartError).lines.join('\n'),
  );
  assert.match(lines, /60 MiB {2}the index: what every search reads/);
});
