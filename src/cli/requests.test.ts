import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

import { newKey } from '../keys/new-key.js';
import { readProfile } from '../profile/read.js';
import type { Profile } from '../profile/schema.js';
import { runChorus } from '../testing/chorus-process.js';
import { fakeEngine } from '../testing/fake-engine.js';
import { folderFor } from '../testing/folder.js';
import { sendAll } from '../testing/http-file.js';
import { startTestService } from '../testing/test-service.js';

/** Every contract, and what a profile may say of its routes. */
const PROFILE = `
name: every
models: [{ name: a, path: . }, { name: b, path: . }]
routes:
  - { path: /process, contract: process }
  - { path: /predict, contract: predict, models: [a], order: class }
  - { path: /predict/one, contract: predict, models: [a], shape: one }
  - { path: /prediction, contract: prediction, models: [b] }
  - { path: /open, contract: prediction, models: [b], shape: one, keys: none }
`;
const PATHS = ['', '/health', '/openapi.json', '/process'];

interface Profiled {
  readonly file: string;
  readonly profile: Profile;
}

function profileIn(folder: string): Profiled {
  const file = join(folder, 'every.yaml');
  writeFileSync(file, PROFILE);
  return { file, profile: readProfile(file) };
}

async function start(
  context: TestContext,
  { profile: { routes } }: Profiled,
  flags: readonly string[] = [],
) {
  const engine = fakeEngine({}, { a: ['yes', 'no'], b: ['1', '0'] });
  return startTestService(context, engine, flags, { routes });
}

async function printed(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runChorus(['requests', ...args]);
  assert.equal(code, 0, stderr);
  return stdout;
}

test('every request of a .http file is answered, below a prefix and with a key as well', async (context) => {
  const folder = folderFor(context);
  const profiled = profileIn(folder);
  const { key, line } = newKey('reader');
  const keys = join(folder, 'keys');
  writeFileSync(keys, `${line}\n`);
  for (const [flags, args, variables] of [
    [[], [], {}],
    [['--path-prefix', '/project', '--api-keys-file', keys], ['--key'], { key }],
  ] as const) {
    const { origin } = await start(context, profiled, flags);
    const file = await printed(profiled.file, '--url', `${origin}/`, ...args);
    const sent = await sendAll(file, variables);
    assert.equal(sent.length, 8);
    for (const path of PATHS) {
      const requests = sent.map(({ request }) => request);
      assert.ok(
        requests.some((request) => request.endsWith(` ${origin}${path || '/'}`)),
        path,
      );
    }
    for (const { request, status } of sent) assert.equal(status, 200, request);
  }
});

test('a request for a route without keys shows none', async (context) => {
  const { file } = profileIn(folderFor(context));
  const requests = (await printed(file, '--key')).split('### ');
  const hasKey = (path: string) =>
    requests.find((request) => request.includes(`{{url}}${path}\n`))?.includes('{{key}}');
  assert.deepEqual(
    [hasKey('/prediction'), hasKey('/open'), hasKey('/health')],
    [true, false, false],
  );
});

test('a shell gets a line for each request, with the key of its environment', async (context) => {
  const { file } = profileIn(folderFor(context));
  const lines = (await printed(file, '--as', 'curl', '--key')).trimEnd().split('\n');
  assert.equal(lines.length, 8);
  assert.ok(
    lines.includes(
      `curl -X POST http://localhost:8080/predict/one -H 'accept: application/json' -H 'x-api-key: '"$CHORUS_KEY"'' -d '{"text":"example 1"}'`,
    ),
  );
});

test('wrong options are told with what would be right', async () => {
  for (const [args, line] of [
    [['starter', 'sentiment'], 'Give one profile.'],
    [['--as', 'postman'], '--as must be http or curl, and it is postman.'],
    [['--as', 'constructor'], '--as must be http or curl, and it is constructor.'],
    [
      ['--url', 'http://a/$(b)'],
      '--url must be a URL such as http://localhost:8080, and it is http://a/$(b).',
    ],
    [
      ['--url', 'localhost'],
      '--url must be a URL such as http://localhost:8080, and it is localhost.',
    ],
  ] as const) {
    const { code, stderr } = await runChorus(['requests', ...args]);
    assert.deepEqual([code, stderr], [2, `chorus: ${line}\n`]);
  }
});

test('without a profile the requests are those of starter', async () => {
  assert.match(await printed(), /^POST \{\{url\}\}\/process$/m);
});
