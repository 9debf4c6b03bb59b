/**
 * Question retrieval over several machines: three real nodes of Weaviate, of which one and then all are killed, beside
 * services that keep nothing, and commands that publish, take back and tidy up.
 */

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { ChorusProcess, runChorus } from '../testing/chorus-process.js';
import { until } from '../testing/until.js';
import { WeaviateCluster } from '../testing/weaviate-cluster.js';
import { asking } from './asking.js';
import {
  CORPUS,
  ended,
  indexCommand,
  NO_HUB,
  serves,
  startRetrieval,
} from './retrieval-starter.js';
import { scrapeUntil, type RunningChorus } from './running-chorus.js';

let folder: string;
let cluster: WeaviateCluster;
let chorus: RunningChorus;

before(
  async () => {
    folder = mkdtempSync(join(tmpdir(), 'chorus-store-'));
    cluster = await WeaviateCluster.start();
    await index('build', CORPUS, '--generation', 'first', '--fields', 'topic', '--publish');
    chorus = await startRetrieval(['--index-store', cluster.urls]);
  },
  { timeout: 170_000 },
);

after(async () => {
  await ended(chorus);
  await cluster.stop();
  rmSync(folder, { recursive: true });
});

function where(): readonly string[] {
  return ['--index-dir', folder, '--index-store', cluster.urls];
}

/** `chorus index …` with the store, as it ends. */
function run(...args: readonly string[]) {
  return runChorus(['index', ...args, ...where()]);
}

/** The same, which must be done; gives what it printed. */
function index(...args: readonly string[]): Promise<string> {
  return indexCommand([...args, ...where()]);
}

async function answered(body: object, { post } = chorus) {
  const response = await post(JSON.stringify(body));
  assert.equal(response.status, 200, await response.clone().text());
  const answer = (await response.json()) as { match?: unknown; matches?: unknown[] };
  return { generation: response.headers.get('chorus-generation'), ...answer };
}

function served(generation: string, by = chorus): Promise<string> {
  return serves(generation, by);
}

/** A corpus whose lines begin so, and its generation in the folder. */
async function build(generation: string, beginning: string, lines: number): Promise<void> {
  const corpus = join(folder, `${generation}.jsonl`);
  const numbers = Array.from({ length: lines }, (_, at) => at);
  writeFileSync(corpus, numbers.map((at) => `{"text":"${beginning} question ${at}"}\n`).join(''));
  const args = ['build', corpus, '--generation', generation, '--index-dir', folder];
  const { code, stderr } = await runChorus(['index', ...args]);
  assert.equal(code, 0, stderr);
}

const QUESTIONS = [
  'Why so serious?',
  'I forgot my password',
  'how can i get my money back',
  'hello',
];

test('a store finds what the files find, in their order, with ids, scores and filters', async () => {
  const local = await startRetrieval([]);
  const topics = readFileSync(CORPUS, 'utf8').match(/(?<="topic":\s?")[^"]+/g) ?? [];
  for (const more of [
    {},
    { filter: { topic: topics[0] } },
    { filter: { topic: [...new Set(topics)].slice(1, 4) } },
  ]) {
    const body = { instances: QUESTIONS, top_k: 5, ids: true, scores: true, ...more };
    const [found, expected] = [await answered(body), await answered(body, local)];
    assert.equal(found.generation, 'first');
    const flat = (matches: unknown) => (matches as { score: number }[][]).flat();
    const [scores, exact] = [flat(found.matches), flat(expected.matches)];
    assert.equal(scores.length, exact.length);
    for (const [at, { score, ...line }] of scores.entries()) {
      const { score: wanted, ...other } = exact[at] ?? assert.fail();
      assert.deepEqual(line, other);
      assert.ok(Math.abs(score - wanted) < 1e-5, `${score} and ${wanted}`);
    }
  }
  assert.deepEqual((await answered({ instances: ['a'], filter: { topic: 'fish' } })).match, null);
  const wrong = await chorus.post('{"instances":["a"],"filter":{"lang":"en"}}');
  assert.equal(wrong.status, 422);
  assert.match(await wrong.text(), /is not a field of the index; it has topic/);
  await ended(local);
});

test('a store whose nodes lose vectors when they are killed is refused', async () => {
  const unsafe = await WeaviateCluster.start(1, { ASYNC_INDEXING: 'false' });
  const args = ['publish', 'first', '--index-dir', folder, '--index-store', unsafe.urls];
  const { code, stderr } = await runChorus(['index', ...args]);
  assert.notEqual(code, 0);
  assert.match(stderr, /n0 would lose vectors .* start all nodes with ASYNC_INDEXING=true/);
  await unsafe.stop();
});

test('publishing and taking back fail no request and mix no answer', async () => {
  await build('second', 'calm', 300);
  const load = asking(chorus, ['why', 'question 7']);
  assert.match(await index('publish', 'second'), /second is published in Chorus in the store/);
  await served('second');
  assert.match(await index('publish', 'second'), /was published already/);
  assert.match(await index('rollback'), /first is served again/);
  await served('first');
  await index('publish', 'second');
  await served('second');
  await load.stop();
  assert.deepEqual(load.faults, []);
  assert.deepEqual([...load.generations].sort(), ['first', 'second']);
  const { code, stderr } = await run('rollback').then(() => run('rollback'));
  assert.notEqual(code, 0);
  assert.match(stderr, /no generation was served before the one that is/);
  await index('publish', 'second');
  await served('second');
});

test('a node that is killed, stands still or comes back fails no request', async () => {
  // The one that leads: until another does, nothing can be published or taken back.
  const one = await cluster.leader();
  const other = cluster.nodes.find((node) => node !== one) ?? assert.fail();
  const load = asking(chorus, ['why', 'question 7']);
  const more = async (what: string) => {
    const before = load.answers;
    await until(() => load.answers > before + 40, what);
  };
  await more('it answers');
  await one.kill();
  assert.match(await index('rollback'), /first is served again/);
  await more('it answers without a node');
  const refused = await run('publish', 'first');
  assert.notEqual(refused.code, 0);
  assert.match(refused.stderr, /does not answer; all must/);
  await served('first');
  await more('it answers what was served before');
  one.start();
  await cluster.ready();
  await more('it answers with the node again');
  await index('publish', 'second');
  await served('second');
  other.signal('SIGSTOP');
  await more('it answers while a node stands still');
  other.signal('SIGCONT');
  await cluster.ready();
  await load.stop();
  assert.deepEqual(load.faults, []);
  assert.match(
    await scrapeUntil(chorus, /./),
    /chorus_index_node_failures_total\{node="[^"]+"\} [1-9]/,
  );
  assert.match(await index('verify'), /second: 300 rows, all of it is as it was written/);
});

test('a publish that was killed changes nothing, and the same command goes on', async () => {
  await build('third', 'late', 4000);
  const args = ['index', 'publish', 'third', '--index-dir', folder, '--index-store', cluster.urls];
  const process = new ChorusProcess(args);
  const schema = async () => (await fetch(`${cluster.nodes[0]?.url}/v1/schema`)).text();
  await until(async () => (await schema()).includes('third'), 'it has begun');
  process.signal('SIGKILL');
  await process.finished();
  assert.match(await index('list'), /third +unfinished/);
  assert.equal((await answered({ instances: ['why'] })).generation, 'second');
  assert.match(await index('publish', 'third'), /third is published/);
  await served('third');
  assert.match((await answered({ instances: ['late question 3999'] })).match as string, /3999$/);
});

test('what was served long ago is removed, and what is served is not', async () => {
  assert.match(await index('gc', '--keep', '1'), /removed first/);
  assert.equal(await index('gc', '--keep', '1'), 'nothing to remove\n');
  const listed = JSON.parse(await index('list', '--json')) as {
    generation: string;
    state: string;
  }[];
  assert.deepEqual(
    listed.map(({ generation, state }) => [generation, state]),
    [
      ['third', 'served'],
      ['second', 'before'],
    ],
  );
});

test('a generation without some of its rows is told by its node, and one of another kind is not served', async () => {
  const [node] = cluster.nodes;
  const { classes } = (await (await fetch(`${node?.url}/v1/schema`)).json()) as {
    classes: { class: string; description: string }[];
  };
  const collectionOf = (generation: string) =>
    classes.find(({ description }) =>
      description.includes(`"generation":"${generation}","created"`),
    )?.class ?? assert.fail();
  const second = collectionOf('second');
  await fetch(`${node?.url}/v1/objects/${second}/00000000-0000-5000-8000-000000000005`, {
    method: 'DELETE',
  });
  const { code, stderr } = await run('rollback');
  assert.notEqual(code, 0);
  assert.match(stderr, /second has 300 rows, and http:\S+ counts 299/);
  const foreign = { class: 'Foreign', vectorizer: 'none', replicationConfig: { factor: 3 } };
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify(foreign);
  await fetch(`${node?.url}/v1/schema`, { method: 'POST', headers, body });
  const point = (to: string) =>
    fetch(`${node?.url}/v1/aliases/Chorus`, {
      method: 'PUT',
      headers,
      body: JSON.stringify({ class: to }),
    });
  assert.equal((await point('Foreign')).status, 200);
  await scrapeUntil(chorus, /chorus_index_behind 1/);
  assert.equal((await answered({ instances: ['why'] })).generation, 'third');
  await point(collectionOf('third'));
  await scrapeUntil(chorus, /chorus_index_behind 0/);
});

test('two that publish the same generation at once lose nothing of what was served before', async () => {
  await build('fourth', 'soon', 3000);
  const outcomes = await Promise.all([run('publish', 'fourth'), run('publish', 'fourth')]);
  for (const { code, stderr } of outcomes) assert.equal(code, 0, stderr);
  await served('fourth');
  assert.match(await index('list'), /fourth +served .*\nthird +before /);
  assert.match(await index('rollback'), /third is served again/);
  await served('third');
});

test('a store that is gone is told as such, and is used again when it is back', async () => {
  await Promise.all(cluster.nodes.map((node) => node.kill()));
  const response = await chorus.post('{"instances":["why"]}');
  assert.equal(response.status, 503);
  assert.equal(((await response.json()) as { reason: string }).reason, 'index_unavailable');
  assert.ok(response.headers.get('retry-after'));
  const flags = ['serve', 'retrieval-starter', '--port', '0', '--admin-port', '0'];
  const other = new ChorusProcess([...flags, '--index-store', cluster.urls], NO_HUB);
  const { code, stderr } = await other.finished();
  assert.notEqual(code, 0);
  assert.match(stderr, /no node of the store has answered/);
  for (const node of cluster.nodes) node.start();
  await cluster.ready();
  await until(async () => (await chorus.post('{"instances":["why"]}')).ok, 'it answers again');
  const restarted = await startRetrieval(['--index-store', cluster.urls]);
  assert.equal((await answered({ instances: ['why'] }, restarted)).generation, 'third');
  await ended(restarted);
});
