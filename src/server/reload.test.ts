import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';

import type { Engine } from '../engine/engine.js';
import { StartError } from '../start-error.js';
import { fakeEngine } from '../testing/fake-engine.js';
import { startTestService } from '../testing/test-service.js';
import type { Loaded } from './generation.js';
import type { Wanted } from './reload.js';

const FIRST = { one: ['A', 'B'] };
const SECOND = { two: ['C', 'D'] };

type Loads = (loadedOf: (engine: Engine) => Loaded, wanted: Wanted) => Promise<Loaded> | Loaded;

/** A service whose first load is `first`; each further one is what `loads` has next. */
async function start(
  context: TestContext,
  first: Engine,
  loads: readonly Loads[],
  flags: readonly string[] = ['--reload-other'],
) {
  const left = [...loads];
  const wanted: Wanted[] = [];
  let isFirst = true;
  const service = await startTestService(context, first, flags, {
    load: (loadedOf) => async (all) => {
      if (isFirst) {
        isFirst = false;
        return loadedOf(first);
      }
      wanted.push(all);
      const next = left.shift();
      if (next === undefined) throw new Error('more reloads than the test has');
      return next(loadedOf, all);
    },
  });
  const reload = async (query = '') => {
    const response = await fetch(`${service.adminOrigin}/reload${query}`, { method: 'POST' });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  const models = async () => Object.keys((await (await service.post('"a"')).json()) as object);
  return { ...service, reload, models, wanted };
}

test('requests that come after a reload are answered by what was loaded, and the old is freed', async (context) => {
  const [old, next] = [fakeEngine({}, FIRST), fakeEngine({}, SECOND)];
  const { reload, models, metrics } = await start(context, old, [(of) => of(next)]);
  assert.deepEqual(await models(), ['one']);
  const { status, body } = await reload();
  assert.equal(status, 200);
  assert.deepEqual(
    { ...body, seconds: 0 },
    { generation: 2, profile: 'test', models: ['two'], seconds: 0 },
  );
  assert.deepEqual(await models(), ['two']);
  assert.deepEqual([old.closed, next.closed], [true, false]);
  const text = await metrics();
  assert.match(text, /^chorus_generation 2$/m);
  assert.match(text, /^chorus_reloads_total\{outcome="done"\} 1$/m);
  assert.match(text, /^chorus_last_reload_successful 1$/m);
  assert.match(text, /^chorus_model_info\{model="two",.*1$/m);
  assert.doesNotMatch(text, /chorus_model_info\{model="one"/);
});

test('a request that has begun ends in what it began in, whose models live until then', async (context) => {
  const [old, next] = [fakeEngine({}, FIRST), fakeEngine({}, SECOND)];
  const { reload, models, post } = await start(context, old, [(of) => of(next)]);
  const { release, asked } = old.hold();
  const early = post('"early"');
  await asked();
  assert.equal((await reload()).status, 200);
  assert.deepEqual(await models(), ['two']);
  assert.equal(old.closed, false);
  release();
  assert.deepEqual(Object.keys((await (await early).json()) as object), ['one']);
  assert.deepEqual(await models(), ['two']);
  assert.equal(old.closed, true);
});

test('whatever fails leaves the old as it was, and says what was wrong', async (context) => {
  const old = fakeEngine({}, FIRST);
  const { reload, models, metrics, log } = await start(context, old, [
    () => {
      throw new StartError(['test.yaml:3:1: models[0].name: is not a name']);
    },
    () => {
      throw new Error('a secret detail');
    },
  ]);
  const refused = await reload();
  assert.equal(refused.status, 422);
  assert.equal(refused.body.detail, 'test.yaml:3:1: models[0].name: is not a name');
  const broken = await reload();
  assert.equal(broken.status, 422);
  assert.doesNotMatch(JSON.stringify(broken.body), /secret/);
  assert.deepEqual(await models(), ['one']);
  assert.equal(old.closed, false);
  const failed = await metrics();
  assert.match(failed, /^chorus_reloads_total\{outcome="failed"\} 2$/m);
  assert.match(failed, /^chorus_last_reload_successful 0$/m);
  assert.match(log(), /the reload failed; what was served goes on/);
});

test('a second reload meanwhile is refused, and what was loaded in vain during a stop is freed', async (context) => {
  let load: () => void = () => undefined;
  const next = fakeEngine({}, SECOND);
  const { reload, service } = await start(context, fakeEngine({}, FIRST), [
    (of) =>
      new Promise((resolve) => {
        load = () => {
          resolve(of(next));
        };
      }),
  ]);
  const first = service.reload({});
  assert.equal((await reload()).status, 409);
  const stopped = service.stop(2000);
  load();
  await assert.rejects(first, { code: 'draining' });
  await stopped;
  assert.equal(next.closed, true);
  await assert.rejects(service.reload({}), { code: 'draining' });
});

test('what one reload wanted, the next keeps, unless it wants something else', async (context) => {
  const loads: Loads[] = Array.from({ length: 3 }, () => (of) => of(fakeEngine({}, FIRST)));
  const { reload, wanted } = await start(context, fakeEngine({}, FIRST), loads);
  await reload('?profile=other&precision=int8');
  await reload();
  await reload('?precision=exact');
  assert.deepEqual(wanted, [
    { profile: 'other', precision: 'int8' },
    { profile: 'other', precision: 'int8' },
    { profile: 'other', precision: 'exact' },
  ]);
});

test('another profile is served only where that was allowed, and nothing else can be asked', async (context) => {
  const { reload, adminOrigin } = await start(context, fakeEngine({}, FIRST), [], []);
  const other = await reload('?profile=/etc/passwd');
  assert.equal(other.status, 422);
  assert.match(String(other.body.detail), /--reload-other/);
  assert.match(String((await reload('?precision=half')).body.detail), /exact\|bf16/);
  assert.match(String((await reload('?port=1')).body.detail), /profile=NAME/);
  const got = await fetch(`${adminOrigin}/reload`);
  assert.deepEqual([got.status, got.headers.get('allow')], [405, 'POST']);
});
