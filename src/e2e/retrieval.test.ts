/**
 * Question retrieval as its users run it: the profile retrieval-starter with the built addon and without a hub, its
 * index built, published, damaged and taken back by commands beside services that run.
 */

import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { ChorusProcess, runChorus } from '../testing/chorus-process.js';
import { folderFor } from '../testing/folder.js';
import { until } from '../testing/until.js';
import {
  CORPUS,
  ended,
  indexCommand,
  MODELS,
  serves,
  startRetrieval,
} from './retrieval-starter.js';
import type { RunningChorus } from './running-chorus.js';

let folder: string;
let chorus: RunningChorus;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'chorus-index-'));
  await command(['build', CORPUS, '--generation', 'first', '--fields', 'topic', '--publish']);
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

async function matches(texts: readonly string[], { post } = chorus): Promise<readonly unknown[]> {
  const response = await post(JSON.stringify({ instances: texts }));
  assert.equal(response.status, 200, await response.clone().text());
  const answer = (await response.json()) as { match?: unknown; matches?: unknown[] };
  return texts.length === 1 ? [answer.match] : (answer.matches ?? []);
}

function served(generation: string, by = chorus): Promise<string> {
  return serves(generation, by);
}

test('the profile answers as it comes, without a hub and without a folder of one’s own', async () => {
  const shipped = await startRetrieval([]);
  assert.deepEqual(await matches(['Why so serious?'], shipped), ['Why so serious?']);
  assert.deepEqual(await matches(['I forgot my password'], shipped), [
    'How do I reset my password?',
  ]);
  await ended(shipped);
});

test('nine of ten held-out paraphrases find their question', async () => {
  const questions = new Map(
    readFileSync(CORPUS, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as { id: string; text: string })
      .map(({ id, text }) => [id, text]),
  );
  const rows = readFileSync(join(MODELS, 'paraphrases', 'test.tsv'), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('\t'));
  const found = await matches(rows.map(([, text = '']) => text));
  const right = rows.filter(([id = ''], at) => found[at] === questions.get(id)).length;
  assert.ok(rows.length > 200 && right / rows.length > 0.9, `${right} of ${rows.length}`);
});

test('a text is answered alike alone and among others, to the last bit of its score', async () => {
  const texts = ['where is my parcel', 'a', '', 'I want my money back', 'é'.repeat(600)];
  const ask = async (instances: readonly string[]) => {
    const response = await chorus.post(JSON.stringify({ instances, top_k: 5, scores: true }));
    const answer = (await response.json()) as { match?: unknown; matches?: unknown[] };
    return answer.matches ?? [answer.match];
  };
  const together = await ask(texts);
  for (const [at, text] of texts.entries()) assert.deepEqual((await ask([text]))[0], together[at]);
});

test('0 requests fail while generations are published and taken back', async () => {
  const other = join(folder, 'other.jsonl');
  writeFileSync(other, '{"text":"another corpus","topic":"x"}\n');
  await command(['build', other, '--generation', 'second']);
  let isOver = false;
  const answers = new Map<string, number>();
  const client = async () => {
    while (!isOver) {
      const response = await chorus.post('{"instances":["another corpus","Why so serious?"]}');
      assert.equal(response.status, 200);
      const generation = response.headers.get('chorus-generation') ?? '';
      const { matches } = (await response.json()) as { matches: string[] };
      // Both of one generation: never the vector of one in the other.
      assert.equal(matches[1], generation === 'second' ? 'another corpus' : 'Why so serious?');
      answers.set(generation, (answers.get(generation) ?? 0) + 1);
    }
  };
  const clients = Array.from({ length: 8 }, client);
  for (let round = 0; round < 3; round += 1) {
    await command(['publish', 'second']);
    await served('second');
    await command(['rollback']);
    await served('first');
  }
  isOver = true;
  await Promise.all(clients);
  assert.deepEqual([...answers.keys()].sort(), ['first', 'second']);
});

test('a file that is damaged after it was published is refused by its name, and the old one serves', async (context) => {
  const directory = join(folderFor(context), 'index');
  cpSync(folder, directory, { recursive: true });
  const running = await startRetrieval(['--index-dir', directory]);
  await command(['build', CORPUS, '--generation', 'damaged'], directory);
  const file = join(directory, 'generations', 'damaged', 'vectors.i8');
  const bytes = readFileSync(file);
  bytes[1000] = (bytes[1000] ?? 0) ^ 4;
  rmSync(file);
  writeFileSync(file, bytes);
  const refused = await runChorus(['index', 'publish', 'damaged', '--index-dir', directory]);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /vectors\.i8: its sha256 is [0-9a-f]{64}, and the manifest says/);
  assert.deepEqual(await matches(['Why so serious?'], running), ['Why so serious?']);
  const all = await runChorus(['index', 'verify', '--index-dir', directory]);
  assert.equal(all.code, 1);
  assert.match(all.stdout, /first: 411 rows, all of it is as it was written/);
  await ended(running);
});

test('a build that is killed goes on, and a disk that is full costs nothing', async (context) => {
  const directory = join(folderFor(context), 'index');
  const corpus = join(folderFor(context), 'large.jsonl');
  const line = (at: number) =>
    JSON.stringify({ text: `question ${at} of a long corpus`.repeat(3) });
  writeFileSync(corpus, Array.from({ length: 12_000 }, (_, at) => `${line(at)}\n`).join(''));
  const args = ['build', corpus, '--generation', 'large', '--index-dir', directory];
  const killed = new ChorusProcess(['index', ...args]);
  const vectors = join(directory, 'building', 'large', 'vectors.f32');
  await until(
    () => existsSync(vectors) && readFileSync(vectors).length > 100_000,
    'some rows are there',
  );
  killed.signal('SIGKILL');
  await killed.finished();
  // No file may be longer than two megabytes.
  const full = await runChorus(['index', ...args], {}, { fileBytes: 2 * 2 ** 20 });
  assert.equal(full.code, 1, full.stdout);
  assert.match(full.stderr, /vectors\.f32: .*too large/i);
  assert.match(
    await command(args.slice(0, 4), directory),
    /12000 rows .*; \d+ of them embedded before/,
  );
  assert.match(await command(['list'], directory), /large +unpublished/);
});

test('an index of another precision is refused at the start', async () => {
  const int8 = await runChorus([
    ...['serve', 'retrieval-starter', '--precision', 'int8', '--index-dir', folder],
    ...['--port', '0', '--admin-port', '0'],
  ]);
  assert.equal(int8.code, 1);
  assert.match(int8.stderr, /it was exact, and encoder is served as int8/);
});

for (const [what, args, expected] of [
  ['no corpus', ['build'], 'Give one corpus, a file of JSON lines.'],
  ['a corpus that is not there', ['build', '/nowhere/c.jsonl'], '/nowhere/c.jsonl'],
  [
    'a profile without an index',
    ['build', CORPUS, '--profile', 'starter'],
    'No route of starter looks in an index',
  ],
  ['a name that leads away', ['build', CORPUS, '--generation', '../x'], '--generation is "../x"'],
  [
    'fields that are none',
    ['build', CORPUS, '--fields', 'topic,id'],
    'keys of the corpus besides id, text and match',
  ],
  ['a field that no line has', ['build', CORPUS, '--fields', 'nope'], 'No line has the key nope'],
  ['a file as a folder', ['publish', 'a', '--index-dir', CORPUS], 'is not a folder'],
  ['no generation', ['publish'], 'Give one generation; chorus index list shows them.'],
  ['one that is not there', ['publish', 'nope'], 'has no generation nope; there are first'],
  ['a number that is none', ['gc', '--keep', 'x'], '--keep is "x"'],
  ['nothing to do', [], 'Give what to do: build, publish, rollback, list, verify, gc.'],
] as const) {
  test(`chorus index with ${what}`, async () => {
    const isWhole = args.length === 0 || args.some((arg) => arg === '--index-dir');
    const flags = isWhole ? [] : ['--index-dir', folder];
    const { code, stderr } = await runChorus(['index', ...args, ...flags]);
    assert.ok(code === 1 || code === 2, String(code));
    assert.ok(stderr.includes(expected), stderr);
    assert.doesNotMatch(stderr, /\n\s+at /, 'no stack');
  });
}

test('a route that looks in an index needs one, and an index a route', async () => {
  const [without, useless] = await Promise.all([
    runChorus(['serve', 'starter', '--index-dir', folder, '--port', '0', '--admin-port', '0']),
    runChorus([
      'serve',
      'retrieval-starter',
      '--index-dir',
      '/nowhere',
      '--port',
      '0',
      '--admin-port',
      '0',
    ]),
  ]);
  assert.equal(without.code, 2);
  assert.match(without.stderr, /--index-dir is given, and no route of starter looks in one/);
  assert.match(useless.stderr, /\/nowhere is not a folder/);
});
