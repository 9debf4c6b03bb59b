/**
 * The topic classifier as its clients use it: the profile classic, a scikit-learn pipeline, with the built addon and
 * without a hub.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';

import { parse } from 'yaml';

import { locateProfile } from '../profile/locate.js';
import { statsSchema } from '../stats/schema.js';
import { ChorusProcess, runChorus } from '../testing/chorus-process.js';
import { freePort } from '../testing/free-port.js';
import { until } from '../testing/until.js';
import { scrapeUntil, startChorus, type RunningChorus } from './running-chorus.js';

const SERVED = { profile: 'classic', path: '/prediction' };
/** Nobody listens there: whoever asks a hub for anything fails. */
const NO_HUB = { HF_ENDPOINT: 'http://127.0.0.1:1', HF_HOME: '/nowhere' };
const LABELS = ['baseball', 'cryptography', 'electronics', 'hockey', 'politics', 'space'];

interface Prediction {
  readonly label: string;
  readonly probabilities?: Readonly<Record<string, number>>;
}

interface LabelScore {
  readonly label: string;
  readonly score: number;
}

/** What is read of an OpenAPI document. */
interface Document {
  readonly info: { readonly title: string };
  readonly paths: Readonly<
    Record<
      string,
      { post?: { requestBody: { content: { 'application/json': { example: unknown } } } } }
    >
  >;
}

interface Golden {
  readonly text: string;
  readonly labels: { readonly topic: string };
}

const { golden } = parse(readFileSync(locateProfile('classic'), 'utf8')) as { golden: Golden[] };
const texts = golden.map(({ text }) => text);

let chorus: RunningChorus;

before(async () => {
  chorus = await startChorus([], NO_HUB, SERVED);
});

after(async () => {
  chorus.process.signal('SIGTERM');
  await chorus.process.finished();
});

async function answered<T>(response: Response): Promise<T> {
  assert.equal(response.status, 200);
  return (await response.json()) as T;
}

async function predicted<T>(body: unknown): Promise<T> {
  return answered(await chorus.post(JSON.stringify(body)));
}

/** Every label of each text, the best first. */
async function ranked(list: readonly string[]): Promise<LabelScore[][]> {
  const body = JSON.stringify({ text: list });
  const url = `http://127.0.0.1:${chorus.port}/predict`;
  const answer = await answered<{ readonly predictions: LabelScore[][] }>(
    await fetch(url, { method: 'POST', body }),
  );
  return answer.predictions;
}

test('one text is answered by its label and nothing else', async () => {
  for (const { text, labels } of golden) {
    const response = await chorus.post(JSON.stringify({ text }));
    assert.equal(await response.text(), `{"label":"${labels.topic}"}`);
  }
});

test('a list is answered by a list, in its order', async () => {
  const labels = golden.map(({ labels }) => ({ label: labels.topic }));
  assert.deepEqual(await predicted({ text: texts }), labels);
  assert.deepEqual(await predicted({ text: texts.toReversed() }), labels.toReversed());
});

test('probabilities are those of every label, and sum to 1', async () => {
  const answers = await predicted<Prediction[]>({ text: texts, probabilities: true });
  assert.equal(answers.length, texts.length);
  for (const { label, probabilities = {} } of answers) {
    assert.deepEqual(Object.keys(probabilities), LABELS);
    const all = Object.values(probabilities);
    assert.equal(probabilities[label], Math.max(...all));
    assert.ok(Math.abs(all.reduce((sum, one) => sum + one, 0) - 1) < 1e-6);
  }
});

test('/predict has the same probabilities, the best first', async () => {
  const answers = await predicted<Prediction[]>({ text: texts, probabilities: true });
  const lists = await ranked(texts);
  for (const [at, { label, probabilities = {} }] of answers.entries()) {
    const scored = lists[at] ?? [];
    assert.equal(scored[0]?.label, label);
    assert.deepEqual(
      Object.fromEntries(scored.map(({ label, score }) => [label, score])),
      probabilities,
    );
    const scores = scored.map(({ score }) => score);
    assert.deepEqual(
      scores,
      scores.toSorted((a, b) => b - a),
    );
  }
});

test('a text has the same probabilities alone and in any company, from the model and from the cache', async (context) => {
  const fresh = await startChorus(['--cache-size', '0'], NO_HUB, SERVED);
  context.after(async () => {
    fresh.process.signal('SIGTERM');
    await fresh.process.finished();
  });
  const together = await predicted<Prediction[]>({ text: texts, probabilities: true });
  for (const [at, text] of texts.entries()) {
    const body = JSON.stringify({ text, probabilities: true });
    for (const { post } of [chorus, fresh])
      assert.deepEqual(await answered(await post(body)), together[at]);
  }
});

test('the empty string, blanks, control characters and a very long text are texts like any other', async () => {
  const hostile = ['', ' ', '\u0000', '\ufeff', '👍', 'puck '.repeat(100_000)];
  const answers = await predicted<Prediction[]>({ text: hostile });
  assert.equal(answers.length, hostile.length);
  for (const { label } of answers) assert.ok(LABELS.includes(label));
  assert.equal(answers.at(-1)?.label, 'hockey');
});

test('a wrong body is refused with every fault', async () => {
  const response = await chorus.post(JSON.stringify({ texts, probabilities: 'yes' }));
  assert.equal(response.status, 422);
  const { errors } = (await response.json()) as { readonly errors: { readonly pointer: string }[] };
  const pointers = errors.map(({ pointer }) => pointer).sort();
  assert.deepEqual(pointers, ['/probabilities', '/text', '/texts']);
});

test('openapi.json has both routes, with examples that are answered', async () => {
  const origin = `http://127.0.0.1:${chorus.port}`;
  const document = await answered<Document>(await fetch(`${origin}/openapi.json`));
  assert.equal(document.info.title, 'Chorus: classic');
  const posts = Object.entries(document.paths).filter(([, { post }]) => post !== undefined);
  assert.deepEqual(
    posts.map(([path]) => path),
    ['/prediction', '/predict'],
  );
  for (const [path, { post }] of posts) {
    const body = JSON.stringify(post?.requestBody.content['application/json'].example);
    const response = await fetch(origin + path, { method: 'POST', body });
    assert.equal(response.status, 200, path);
  }
});

test('metrics count its texts, and say what it is', async () => {
  await predicted({ text: 'a text of no other test' });
  const metrics = await scrapeUntil(
    chorus,
    /^chorus_texts_total\{model="topic",outcome="done"\} [1-9]/m,
  );
  assert.match(metrics, /^chorus_ready 1$/m);
  assert.match(
    metrics,
    /^chorus_model_info\{model="topic",architecture="onnx",provider="cpu",precision="exact",revision="",profile="classic"\} 1$/m,
  );
});

test('/stats has the last minute: requests, errors, mean and longest latency, CPU, besides uptime and memory', async () => {
  await predicted({ text: 'one more text of no other test' });
  assert.equal((await chorus.post('{}')).status, 422);
  const read = async () => {
    const response = await fetch(`http://127.0.0.1:${chorus.adminPort}/stats`);
    return statsSchema.parse(await answered(response));
  };
  const { last, ...now } = await read();
  const [minute] = last;
  assert.equal(minute?.minutes, 1);
  assert.ok(minute.requests >= 2 && minute.requests_per_second > 0);
  assert.ok((minute.errors.invalid_input ?? 0) >= 1);
  const [mean, longest] = [minute.mean_latency_ms ?? 0, minute.max_latency_ms ?? 0];
  assert.ok(mean > 0 && longest >= mean);
  assert.ok(minute.cpu.user > 0 && now.cpu.user_seconds > 0);
  assert.ok((minute.models.topic?.texts ?? 0) > 0);
  assert.ok(now.uptime_seconds > 0 && now.memory.rss_bytes > 0);
});

test('it is not ready before its model is loaded, and answers as soon as it is', async (context) => {
  const [port, adminPort] = [await freePort(), await freePort()];
  const flags = ['--port', String(port), '--admin-port', String(adminPort)];
  const starting = new ChorusProcess(['serve', 'classic', ...flags], NO_HUB);
  context.after(async () => {
    starting.signal('SIGTERM');
    await starting.finished();
  });
  const statuses = new Set<number>();
  await until(async () => {
    const { status } = await fetch(`http://127.0.0.1:${adminPort}/readyz`).catch(() => ({
      status: undefined,
    }));
    if (status !== undefined) statuses.add(status);
    return status === 200;
  }, 'it is ready');
  assert.deepEqual([...statuses], [503, 200]);
  assert.match(starting.written, /"models":\["topic"\].*"msg":"loaded"/);
  const body = JSON.stringify({ text: texts[0] });
  const answer = await fetch(`http://127.0.0.1:${port}/prediction`, { method: 'POST', body });
  assert.deepEqual(await answered(answer), { label: golden[0]?.labels.topic });
});

test('check finds the golden texts answered', async () => {
  const { code, stdout, stderr } = await runChorus(['check', 'classic'], NO_HUB);
  assert.equal(code, 0, stdout + stderr);
});
