/**
 * Models that are loaded when they are asked for, in a real process whose memory holds some of them at a time.
 */

import assert from 'node:assert/strict';
import {
  closeSync,
  cpSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

import { ChorusProcess, runChorus } from '../testing/chorus-process.js';
import { until } from '../testing/until.js';

const STARTER = fileURLToPath(new URL('../../models/starter', import.meta.url));
const NAMES = ['cardiffnlp', 'ivanlau', 'svalabs', 'EIStakovskii', 'jy46604790'] as const;
type Name = (typeof NAMES)[number];

/** What any of them takes: a huge page. */
const PAGE = 2 ** 21;
const TEXT = 'A fine day';
/** Long enough to read that a test can do something meanwhile. */
const LARGE = 2 ** 28;

interface World {
  readonly file: string;
  readonly folderOf: (name: Name) => string;
  readonly write: (load: 'eager' | 'lazy') => void;
}

/** The starter models in a folder of the test's own, each on a route of its own and all on `/process`. */
function world(context: TestContext, load: 'eager' | 'lazy' = 'lazy'): World {
  const folder = mkdtempSync(join(tmpdir(), 'chorus-lazy-'));
  context.after(() => {
    rmSync(folder, { recursive: true });
  });
  cpSync(STARTER, join(folder, 'many'), { recursive: true });
  const file = join(folder, 'many.yaml');
  const routes = NAMES.map(
    (name) => `  - { path: /${name}, contract: process, models: [${name}] }`,
  );
  const write = (load: 'eager' | 'lazy') => {
    const models = NAMES.map((name) => `  - name: ${name}`);
    const all = '  - { path: /process, contract: process }';
    const lines = ['name: many', `load: ${load}`, 'models:', ...models, 'routes:', all, ...routes];
    writeFileSync(file, `${lines.join('\n')}\n`);
  };
  write(load);
  return { file, folderOf: (name) => join(folder, 'many', name), write };
}

async function start(context: TestContext, profile: string, ...flags: readonly string[]) {
  const hosts = ['--host', '127.0.0.1', '--admin-host', '127.0.0.1'];
  const ports = ['--port', '0', '--admin-port', '0', '--cache-size', '0'];
  const chorus = new ChorusProcess(['serve', profile, ...hosts, ...ports, ...flags]);
  context.after(() => {
    chorus.signal('SIGKILL');
  });
  const { port, adminPort } = await chorus.logged('ready');
  const admin = `http://127.0.0.1:${String(adminPort)}`;
  const metrics = async () => (await fetch(`${admin}/metrics`)).text();
  const metric = async (name: string) =>
    Number(new RegExp(`^${name} (.*)$`, 'm').exec(await metrics())?.[1]);
  return {
    chorus,
    admin,
    metric,
    ask: async (route: string, text = TEXT) => {
      const url = `http://127.0.0.1:${String(port)}/${route}`;
      const response = await fetch(url, { method: 'POST', body: JSON.stringify(text) });
      const body = (await response.json()) as Record<string, unknown>;
      return { status: response.status, body, retryAfter: response.headers.get('retry-after') };
    },
    /** Those that are in memory. */
    loaded: async () => {
      const text = await metrics();
      return NAMES.filter((name) => text.includes(`chorus_model_loaded{model="${name}"} 1`));
    },
    loads: (name: Name) => metric(`chorus_model_loads_total\\{model="${name}",outcome="done"\\}`),
    logged: (msg: string) =>
      chorus.written
        .split('\n')
        .filter((line) => line.includes(`"msg":"${msg}`))
        .map((line) => (JSON.parse(line) as { model: string }).model),
  };
}

/** The weights of `folder` with a tensor beside them that no model reads, and that takes a while to be read. */
function enlarge(folder: string): string {
  const file = join(folder, 'model.safetensors');
  const weights = readFileSync(file);
  const length = Number(weights.readBigUInt64LE());
  const header = JSON.parse(weights.subarray(8, 8 + length).toString()) as Record<string, unknown>;
  const end = weights.length - 8 - length;
  header.unread = { dtype: 'U8', shape: [LARGE], data_offsets: [end, end + LARGE] };
  const written = Buffer.from(JSON.stringify(header));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(written.length));
  const descriptor = openSync(file, 'w');
  for (const part of [size, written, weights.subarray(8 + length)]) writeSync(descriptor, part);
  ftruncateSync(descriptor, 8 + written.length + end + LARGE);
  closeSync(descriptor);
  return file;
}

/** The file may have changed since it was read, as far as anybody can tell: it is read again before it is used. */
function touch(file: string): void {
  utimesSync(file, new Date(), new Date());
}

test('it is ready without them, loads what is asked for, and lets the longest unused go', async (context) => {
  const { file } = world(context, 'eager');
  const eager = await start(context, file);
  const texts = [TEXT, 'Ein schlechter Tag', ''];
  const expected = new Map<string, unknown>();
  for (const route of ['process', ...NAMES]) {
    for (const text of texts) expected.set(route + text, (await eager.ask(route, text)).body);
  }
  eager.chorus.signal('SIGTERM');
  const { file: many } = world(context);
  const { ask, loaded, loads, logged, admin, metric } = await start(
    context,
    many,
    '--model-memory',
    String(2 * PAGE),
  );
  assert.deepEqual(await loaded(), []);
  const asked = async (name: Name) => {
    assert.deepEqual((await ask(name)).body, expected.get(name + TEXT));
    return loaded();
  };
  assert.deepEqual(await asked('cardiffnlp'), ['cardiffnlp']);
  assert.deepEqual(await asked('ivanlau'), ['cardiffnlp', 'ivanlau']);
  assert.deepEqual(await asked('cardiffnlp'), ['cardiffnlp', 'ivanlau']);
  assert.deepEqual(await asked('svalabs'), ['cardiffnlp', 'svalabs']);
  await until(() => logged('model loaded').length === 3, 'the log says so');
  assert.deepEqual(logged('model loaded'), ['cardiffnlp', 'ivanlau', 'svalabs']);
  assert.deepEqual(logged('model evicted'), ['ivanlau']);
  assert.equal(await loads('cardiffnlp'), 1);
  assert.equal(await metric('chorus_model_evictions_total\\{model="ivanlau"\\}'), 1);
  assert.equal(await metric('chorus_model_load_seconds_count\\{model="svalabs"\\}'), 1);
  assert.equal(await metric('chorus_model_memory_bytes'), 2 * PAGE);

  const top = await runChorus(['top', '--once', '--url', admin]);
  assert.match(
    top.stdout,
    /^models: 4 MiB of 4 MiB; not loaded: ivanlau, EIStakovskii, jy46604790$/m,
  );

  for (const route of ['process', ...NAMES]) {
    for (const text of texts) {
      assert.deepEqual((await ask(route, text)).body, expected.get(route + text), route);
    }
  }
});

test('32 clients who ask models at random get the right answers, all of them', async (context) => {
  const { file } = world(context, 'eager');
  const eager = await start(context, file);
  const answers = new Map<Name, unknown>();
  for (const name of NAMES) answers.set(name, (await eager.ask(name)).body);
  eager.chorus.signal('SIGTERM');
  const { file: many } = world(context);
  const memory = ['--model-memory', String(3 * PAGE)];
  const { ask, metric } = await start(context, many, ...memory);
  const end = performance.now() + 4000;
  let asked = 0;
  const client = async () => {
    while (performance.now() < end) {
      const name = NAMES[Math.floor(Math.random() * NAMES.length)] ?? 'svalabs';
      const { status, body } = await ask(name);
      assert.equal(status, 200, JSON.stringify(body));
      assert.deepEqual(body, answers.get(name));
      asked += 1;
    }
  };
  await Promise.all(Array.from({ length: 32 }, client));
  let evictions = 0;
  for (const name of NAMES) {
    evictions += await metric(`chorus_model_evictions_total\\{model="${name}"\\}`);
  }
  assert.ok(asked > 32 && evictions > 0, `${asked} requests, ${evictions} evictions`);
  assert.equal(await metric('chorus_model_memory_bytes'), 3 * PAGE);
});

test('first requests at once join one load', async (context) => {
  const { file } = world(context);
  const { ask, loads } = await start(context, file);
  const all = await Promise.all(
    Array.from({ length: 50 }, (_, at) => ask('svalabs', `text ${at}`)),
  );
  assert.ok(all.every(({ status }) => status === 200));
  assert.equal(await loads('svalabs'), 1);
});

test('weights that have gone are told clearly, keep nobody else waiting, and may come back', async (context) => {
  const { file, folderOf } = world(context);
  const { ask, chorus, metric } = await start(context, file);
  const weights = join(folderOf('ivanlau'), 'model.safetensors');
  renameSync(weights, `${weights}.away`);
  const gone = await ask('ivanlau');
  assert.equal(gone.status, 503);
  assert.equal(gone.body.reason, 'model_unavailable');
  assert.match(String(gone.body.detail), /^model `ivanlau` could not be loaded; it is tried again/);
  assert.ok(Number(gone.retryAfter) >= 1);
  const { detail } = await chorus.logged('model could not be loaded');
  assert.match(String(detail), /ivanlau\/model\.safetensors/);
  assert.equal((await ask('process')).body.reason, 'model_unavailable');
  assert.equal((await ask('svalabs')).status, 200);
  renameSync(`${weights}.away`, weights);
  await until(async () => (await ask('ivanlau')).status === 200, 'it is served again');
  const failed = 'chorus_model_loads_total\\{model="ivanlau",outcome="failed"\\}';
  assert.ok((await metric(failed)) >= 1);
});

test('a model that can never fit is refused at its line, with the arithmetic', async (context) => {
  const { file } = world(context);
  const { code, stderr } = await runChorus(['serve', file, '--model-memory', '1MiB']);
  assert.equal(code, 2);
  assert.match(stderr, /many\.yaml:4:5: models\[0\]\.load: .*expected at most 1048576 bytes/);
  assert.match(
    stderr,
    /the budget of 1048576 less 0 of models that are loaded at start, found 2097152/,
  );
});

test('chorus check loads each in its turn within the budget', async (context) => {
  const { file } = world(context);
  const { code, stdout } = await runChorus(['check', file, '--model-memory', '2MiB']);
  assert.equal(code, 0, stdout);
  assert.match(stdout, /^svalabs .* lazy +2 MiB/m);
});

test('a reload takes over what is loaded, also in the middle of a load', async (context) => {
  const { file, folderOf } = world(context);
  const weights = enlarge(folderOf('ivanlau'));
  const { ask, admin, loaded, loads, metric } = await start(context, file);
  const before = (await ask('svalabs')).body;
  touch(weights);
  const late = ask('ivanlau');
  await until(
    async () => (await metric('chorus_model_memory_bytes')) === 2 * PAGE,
    'it is being loaded',
  );
  const reloaded = await fetch(`${admin}/reload`, { method: 'POST' });
  assert.equal(reloaded.status, 200);
  assert.equal((await late).status, 200);
  assert.equal(await metric('chorus_generation'), 2);
  assert.ok((await loaded()).includes('svalabs'));
  assert.deepEqual((await ask('svalabs')).body, before);
  assert.equal(await loads('svalabs'), 0);
  assert.equal((await ask('ivanlau')).status, 200);
});

test('a stop in the middle of a load answers who waits for it', async (context) => {
  const { file, folderOf } = world(context);
  const weights = enlarge(folderOf('ivanlau'));
  const { ask, chorus, metric } = await start(context, file);
  touch(weights);
  const late = ask('ivanlau');
  await until(
    async () => (await metric('chorus_model_memory_bytes')) === PAGE,
    'it is being loaded',
  );
  chorus.signal('SIGTERM');
  assert.equal((await late).status, 200);
  assert.equal((await chorus.finished()).code, 0);
});

test('a deadline that passes while the model is loaded is told in time', async (context) => {
  const { file, folderOf } = world(context);
  const weights = enlarge(folderOf('ivanlau'));
  const { ask, metric } = await start(context, file, '--answer-timeout', '20ms');
  touch(weights);
  assert.equal((await ask('ivanlau')).body.reason, 'deadline_exceeded');
  await until(
    async () => (await metric('chorus_model_loaded\\{model="ivanlau"\\}')) === 1,
    'it is loaded for who comes next',
  );
  assert.equal((await ask('ivanlau')).status, 200);
});
