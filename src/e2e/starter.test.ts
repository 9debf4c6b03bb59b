/**
 * The real service as users start it: the built addon, the starter models, a child process.
 *
 * Fails when addon or models are missing: a skipped test would call a broken build good.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';

import { SELF_TEST_TEXTS } from '../check/texts.js';
import { ChorusProcess, runChorus } from '../testing/chorus-process.js';
import { freePort } from '../testing/free-port.js';
import { sendAll } from '../testing/http-file.js';
import { until } from '../testing/until.js';
import { scrapeUntil, startChorus, type RunningChorus } from './running-chorus.js';
import { smokeRows } from './smoke-rows.js';

const KEYS = ['cardiffnlp', 'ivanlau', 'svalabs', 'EIStakovskii', 'jy46604790'];

interface Top {
  readonly score: number;
  readonly label: string;
}

let chorus: RunningChorus;

before(async () => {
  chorus = await startChorus();
});

after(async () => {
  chorus.process.signal('SIGTERM');
  await chorus.process.finished();
});

async function ask(text: string): Promise<{ response: Response; answer: Record<string, Top> }> {
  const response = await chorus.post(JSON.stringify(text));
  assert.equal(response.status, 200);
  return { response, answer: (await response.json()) as Record<string, Top> };
}

test('the sample is answered as the README says, in the order of the contract', async () => {
  const { answer } = await ask('This is how true happiness looks like 👍😜');
  assert.deepEqual(Object.keys(answer), KEYS);
  const labels = Object.values(answer).map(({ label }) => label);
  assert.deepEqual(labels, ['POSITIVE', 'English', 'HAM', 'LABEL_0', 'LABEL_0']);
  for (const top of Object.values(answer)) {
    assert.deepEqual(Object.keys(top), ['score', 'label']);
    assert.ok(top.score > 0 && top.score <= 1);
  }
});

test('every text of smoke.tsv gets the labels given there', async (context) => {
  for (const { text, labels } of smokeRows(...KEYS)) {
    await context.test(text, async () => {
      const { answer } = await ask(text);
      for (const [key, label] of labels) {
        // The file has the checkpoints' labels; the profile writes some of them in capitals.
        assert.equal(answer[key]?.label.toLowerCase(), label.toLowerCase(), key);
      }
    });
  }
});

test('the empty string, blanks and control characters are texts like any other', async () => {
  for (const text of [...SELF_TEST_TEXTS, '\n\t', '\u0000\u0007', '\ufeff', '👍']) await ask(text);
});

test('a long text is answered from its beginning and says so', async () => {
  const { response } = await ask('A long story. '.repeat(1000));
  assert.match(response.headers.get('chorus-truncated') ?? '', /cardiffnlp/);
  const short = await ask('A short story.');
  assert.equal(short.response.headers.get('chorus-truncated'), null);
});

test('a text gets the same answer alone and in a crowd', async () => {
  const alone = await ask('Das Wetter ist heute schön.');
  const crowd = Array.from({ length: 40 }, (_, index) =>
    ask(index === 20 ? 'Das Wetter ist heute schön.' : 'word '.repeat(index)),
  );
  const together = (await Promise.all(crowd))[20];
  for (const key of KEYS) {
    const [a, b] = [alone.answer[key], together?.answer[key]];
    assert.equal(a?.label, b?.label);
    assert.ok(Math.abs((a?.score ?? 0) - (b?.score ?? 1)) < 1e-6);
  }
});

test('the service describes itself as docs/openapi.json does', async () => {
  const served = await (await fetch(`http://127.0.0.1:${chorus.port}/openapi.json`)).json();
  const written = readFileSync(new URL('../../docs/openapi.json', import.meta.url), 'utf8');
  assert.deepEqual(served, JSON.parse(written));
});

test("the engine's figures are scraped", async () => {
  await ask('one more');
  const text = await scrapeUntil(
    chorus,
    /^chorus_texts_total\{model="svalabs",outcome="done"\} [1-9]/m,
  );
  assert.match(
    text,
    /^chorus_build_info\{.*revision="(?:[0-9a-f]{40}|unknown)",.*ort_version="1\.\d+"\} 1$/m,
  );
  assert.match(
    text,
    /^chorus_model_info\{model="jy46604790",architecture="roberta",provider="cpu",precision="exact",revision="",profile="starter"\} 1$/m,
  );
});

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`${signal} answers what was accepted and exits with 0`, async () => {
    const other = await startChorus();
    const requests = Array.from({ length: 64 }, (_, index) =>
      other.post(JSON.stringify(`${index} ${'and on and on '.repeat(200)}`)),
    );
    await scrapeUntil(other, /^chorus_requests_received_total 64$/m);
    other.process.signal(signal);
    const responses = await Promise.all(requests);
    for (const response of responses) {
      assert.equal(response.status, 200);
      await response.text();
    }
    const closing = responses.filter(({ headers }) => headers.get('connection') === 'close');
    assert.ok(closing.length > 0, 'some were answered after the signal');
    const { code, stdout } = await other.process.finished();
    assert.equal(code, 0);
    assert.match(stdout, /"msg":"stopped"/);
  });
}

test('a signal while the models load ends the process with 0', async () => {
  // At several moments, each a number of answers of the probes later: loading threads must not be caught by
  // the end of the process.
  for (const answers of [0, 1, 2, 4, 8, 16, 32, 64]) {
    const adminPort = await freePort();
    const process = new ChorusProcess(['serve', '--port', '0', '--admin-port', String(adminPort)]);
    await process.logged('loading');
    const isAlive = async () => (await fetch(`http://127.0.0.1:${adminPort}/livez`)).ok;
    if (answers > 0) await until(() => isAlive().catch(() => false), 'the probes answer');
    for (let asked = 1; asked < answers; asked += 1) assert.ok(await isAlive());
    process.signal('SIGTERM');
    assert.equal((await process.finished()).code, 0);
  }
});

test('a port in use is one line and exit code 1', async () => {
  const flags = ['--port', String(chorus.port), '--admin-port', '0'];
  const { code, stderr } = await new ChorusProcess(['serve', ...flags]).finished();
  assert.equal(code, 1);
  assert.equal(stderr, `chorus: Port ${chorus.port} is in use; choose another with --port.\n`);
});

test('the banner shows the command to try, and no text gets into the log', async () => {
  const other = await startChorus(['--log-level', 'trace']);
  await (await other.post('"canary-text"')).text();
  other.process.signal('SIGTERM');
  const { stdout, stderr } = await other.process.finished();
  const curl = `curl -X POST http://localhost:${other.port}/process -H 'accept: application/json' -d '"This is how`;
  assert.ok(stderr.includes(curl), stderr);
  assert.doesNotMatch(stdout + stderr, /canary/);
});

test('every request that chorus requests prints is answered', async () => {
  const url = `http://127.0.0.1:${chorus.port}`;
  const { stdout } = await runChorus(['requests', 'starter', '--url', url]);
  const sent = await sendAll(stdout);
  assert.ok(sent.some(({ request }) => request === `POST ${url}/process`));
  for (const { request, status } of sent) assert.equal(status, 200, request);
});
