/**
 * An index with a graph as its users run it: built, served, damaged, killed and out of room, by commands and a service.
 */

import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { ChorusProcess, runChorus } from '../testing/chorus-process.js';
import { folderFor } from '../testing/folder.js';
import { until } from '../testing/until.js';
import { CORPUS, ended, indexCommand, startRetrieval } from './retrieval-starter.js';
import { scrapeUntil, type RunningChorus } from './running-chorus.js';

let folder: string;
let chorus: RunningChorus;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'chorus-graph-'));
  const args = ['--generation', 'graph', '--fields', 'topic', '--publish'];
  const printed = await command(['build', CORPUS, '--hnsw', ...args]);
  assert.match(
    printed,
    /graph: 411 rows .*; a graph, (100|9\d)\.\d % of the nearest rows found, (100|9\d)\.\d % of the ten nearest/,
  );
  chorus = await startRetrieval(['--index-dir', folder]);
});

after(async () => {
  await ended(chorus);
  rmSync(folder, { recursive: true });
});

/** `chorus index …`, which must be done; gives what it printed. */
function command(args: readonly string[], directory = folder): Promise<string> {
  return indexCommand([...args, '--index-dir', directory]);
}

async function ask(body: object): Promise<unknown> {
  const response = await chorus.post(JSON.stringify(body));
  assert.equal(response.status, 200, await response.clone().text());
  return response.json();
}

test('lines are found by the graph, and filters hold', async () => {
  assert.deepEqual(await ask({ instances: ['I forgot my password'] }), {
    match: 'How do I reset my password?',
  });
  const { match } = (await ask({
    ...{ instances: ['I forgot my password'], filter: { topic: 'returns' } },
    ...{ top_k: 3, ids: true },
  })) as { match: { id: string }[] };
  const topics = new Map(
    readFileSync(CORPUS, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as { id: string; topic: string })
      .map(({ id, topic }) => [id, topic]),
  );
  assert.deepEqual(
    match.map(({ id }) => topics.get(id)),
    ['returns', 'returns', 'returns'],
  );
  assert.deepEqual(await ask({ instances: ['password'], filter: { topic: 'nothing' } }), {
    match: null,
  });
});

test('it is told that what is found is approximate', async () => {
  await scrapeUntil(chorus, /chorus_index_approximate 1/);
  assert.match(await command(['list']), /graph +served .* hnsw /);
  assert.match(
    await command(['verify']),
    /graph: 411 rows, .*; approximate, by a graph: \d+\.\d %/,
  );
  await command(['build', CORPUS, '--generation', 'exact']);
  assert.match(await command(['list']), /exact +unpublished .* exact /);
  assert.match(await command(['verify', 'exact']), /all of it is as it was written\n$/);
});

test('a graph that is damaged or another generation’s is refused by its name', async () => {
  await command(['build', CORPUS, '--hnsw', '--generation', 'damaged']);
  const file = join(folder, 'generations', 'damaged', 'graph.usearch');
  const whole = readFileSync(file);
  const flipped = Buffer.from(whole).fill((whole[9] ?? 0) ^ 1, 9, 10);
  const other = readFileSync(join(folder, 'generations', 'graph', 'graph.usearch'));
  for (const wrong of [whole.subarray(0, -1), flipped, other]) {
    rmSync(file);
    writeFileSync(file, wrong);
    const refused = await runChorus(['index', 'publish', 'damaged', '--index-dir', folder]);
    assert.equal(refused.code, 1);
    assert.match(
      refused.stderr,
      /graph\.usearch: its sha256 is [0-9a-f]{64}, and the manifest says/,
    );
  }
  await ask({ instances: ['Why so serious?'] });
});

test('a build that is killed while it links goes on, and a disk that is full costs nothing', async (context) => {
  const directory = join(folderFor(context), 'index');
  const corpus = join(folderFor(context), 'large.jsonl');
  const line = (at: number) => JSON.stringify({ text: `question ${at} of a long corpus` });
  writeFileSync(corpus, Array.from({ length: 6000 }, (_, at) => `${line(at)}\n`).join(''));
  const args = ['build', corpus, '--hnsw', '--generation', 'large', '--index-dir', directory];
  const killed = new ChorusProcess(['index', ...args]);
  // What comes before the graph.
  const scales = join(directory, 'building', 'large', 'scales.f32');
  await until(() => existsSync(scales) && statSync(scales).size === 6000 * 4, 'it links');
  killed.signal('SIGKILL');
  await killed.finished();
  assert.equal(existsSync(join(directory, 'generations')), false);
  // No file may become longer than two megabytes: the vectors are there already, and the graph is of 3.2.
  const full = await runChorus(['index', ...args], {}, { fileBytes: 2 * 2 ** 20 });
  assert.equal(full.code, 1, full.stdout);
  assert.match(full.stderr, /graph\.usearch: .*too large/i);
  assert.equal(existsSync(join(directory, 'generations')), false);
  assert.match(await command(args.slice(0, 5), directory), /6000 of them embedded before; a graph/);
});

test('a store has a graph of its own', async () => {
  const store = ['--index-store', 'http://127.0.0.1:1'];
  const { code, stderr } = await runChorus([
    'index',
    'build',
    CORPUS,
    '--hnsw',
    '--index-dir',
    folder,
    ...store,
  ]);
  assert.equal(code, 2);
  assert.match(stderr, /--hnsw is of a folder; --index-store has a graph of its own/);
});
