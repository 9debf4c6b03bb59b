import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { StartError } from '../start-error.js';
import { GENERATION_NAME } from './manifest.js';
import { fakeEncoder } from '../testing/fake-encoder.js';
import { indexWorld } from '../testing/index-world.js';
import { embed } from './embed.js';
import { MACHINE } from '../files/process-id.js';
import { OpenIndex } from './open-index.js';

const LINES = Array.from({ length: 700 }, (_, at) => ({
  id: `id-${at}`,
  text: `question number ${at} about ${['cats', 'dogs', 'birds'][at % 3] ?? ''}`,
  ...(at % 2 === 0 && { match: `answer ${at}` }),
  topic: ['cats', 'dogs', 'birds'][at % 3],
  even: at % 2 === 0,
}));

test('a corpus becomes a generation in which every text is found', async (context) => {
  const world = indexWorld(context);
  const { engine } = world;
  const { manifest } = await world.build('one', world.corpus(LINES), { fields: ['topic', 'even'] });
  assert.equal(manifest.rows, 700);
  assert.deepEqual(manifest.fields, [
    { name: 'topic', values: ['cats', 'dogs', 'birds'] },
    { name: 'even', values: [true, false] },
  ]);
  assert.deepEqual(manifest.statistics, {
    duplicateTexts: 0,
    truncatedTexts: 0,
    recallAt1: 1,
    recallAt10: 1,
  });
  const opened = await OpenIndex.open(world.directory.folderOf('one'), encoderOf(engine));
  const search = async (text: string, filter = {}) => {
    const [embedded] = await embed(engine, 'encoder', [text]);
    const vectors = [embedded?.vector ?? assert.fail()];
    const [found = []] = await opened.within(filter).search(vectors, { top: 2 });
    return found;
  };
  const [first] = await search('number 41 question about birds');
  assert.equal(first?.id, 'id-41');
  assert.equal(first.match, undefined);
  assert.ok(Math.abs(first.score - 1) < 1e-6, String(first.score));
  assert.equal((await search('number 42 question about cats'))[0]?.match, 'answer 42');
  assert.notEqual((await search('number 41 question about birds', { even: true }))[0]?.id, 'id-41');
  for (const { text } of await search('question about birds', { topic: ['cats', 'dogs'] })) {
    assert.match(text, /cats|dogs/);
  }
  assert.deepEqual(await search('a', { topic: 'fish' }), []);
  opened.retire();
});

test('a build that was interrupted goes on, and makes the same files', async (context) => {
  const encoder = fakeEncoder();
  const world = indexWorld(context, encoder);
  const corpus = world.corpus(LINES);
  encoder.before = (asked) => {
    if (asked > 520) throw new Error('killed');
  };
  await assert.rejects(world.build('one', corpus), /killed/);
  assert.equal(world.directory.has('one'), false);
  encoder.before = () => undefined;
  const asked = encoder.seen.length;
  const { resumed } = await world.build('one', corpus);
  assert.ok(resumed >= 256, `${resumed} rows were there`);
  assert.ok(
    encoder.seen.length - asked < 700 - resumed + 20,
    'what was there is not embedded again',
  );
  const whole = await world.build('two', corpus);
  for (const { name, sha256 } of whole.manifest.files) {
    const file = join(world.directory.folderOf('one'), name);
    const other = join(world.directory.folderOf('two'), name);
    assert.deepEqual(readFileSync(file), readFileSync(other), `${name} ${sha256}`);
  }
  assert.equal(existsSync(join(world.directory.building, 'one')), false);
});

test('what was interrupted with another corpus or encoder is begun anew', async (context) => {
  const encoder = fakeEncoder();
  const world = indexWorld(context, encoder);
  encoder.before = (asked) => {
    if (asked > 520) throw new Error('killed');
  };
  await assert.rejects(world.build('one', world.corpus(LINES)), /killed/);
  encoder.before = () => undefined;
  const changed = world.corpus([{ text: 'another' }, ...LINES.slice(1)]);
  assert.equal((await world.build('one', changed)).resumed, 0);
  await assert.rejects(world.build('two', changed, { by: failing(2) }), /killed/);
  assert.equal((await world.build('two', changed)).resumed, 0);
});

test('vectors of a corpus that changed while it was read are not gone on with', async (context) => {
  const world = indexWorld(context);
  const corpus = world.corpus(LINES);
  const before = readFileSync(corpus, 'utf8');
  const changing = world.build('one', corpus, {
    // What is left out is told between the two readings.
    onNote: () => {
      writeFileSync(corpus, before.replaceAll('question', 'sentence'));
    },
  });
  await assert.rejects(changing, /has changed while it was read/);
  writeFileSync(corpus, before);
  assert.equal((await world.build('one', corpus)).resumed, 0);
});

test('a generation is never written again', async (context) => {
  const world = indexWorld(context);
  await world.build('one', world.corpus([{ text: 'a' }]));
  await assert.rejects(world.build('one', world.corpus([{ text: 'b' }])), (error) => {
    assert.ok(error instanceof StartError);
    assert.match(
      error.lines.join(),
      /one is there already, .*, and generations are never written again/,
    );
    return true;
  });
});

test('what is there already is told by what it is of, and is no fault where it is what is wanted', async (context) => {
  const world = indexWorld(context);
  const corpus = world.corpus([{ text: 'a', topic: 'x' }]);
  const { manifest } = await world.build('one', corpus, { fields: ['topic'] });
  assert.deepEqual(await world.build('one', corpus, { fields: ['topic'] }), {
    manifest,
    resumed: 1,
  });
  const refused = /is there already, of another .* or serve it by chorus index publish one\./;
  await assert.rejects(world.build('one', corpus), refused);
  await assert.rejects(world.build('one', corpus, { fields: ['topic'], graph: 1 }), refused);
  await assert.rejects(
    world.build('one', corpus, { fields: ['topic'], by: fakeEncoder({ seed: 2 }) }),
    refused,
  );
});

test('lines may be long: what is tried is not asked for all at once', async (context) => {
  const world = indexWorld(context);
  const match = 'long '.repeat(12_000);
  const lines = Array.from({ length: 160 }, (_, at) => ({ text: `w${at} w${at + 1}`, match }));
  const { manifest } = await world.build('exact', world.corpus(lines));
  assert.equal(manifest.statistics.recallAt10, 1);
  await world.build('graph', world.corpus(lines), { graph: 1 });
});

test('values that are too long to be filtered by are refused', async (context) => {
  const world = indexWorld(context);
  const lines = Array.from({ length: 300 }, (_, at) => ({
    text: `w${at}`,
    body: `${at} ${'x'.repeat(60_000)}`,
  }));
  await assert.rejects(
    world.build('one', world.corpus(lines), { fields: ['body'] }),
    /The values of body are too long to be filtered by: those of all fields may have 16777216 bytes/,
  );
});

test('a name that a lock or a removal makes of another is none', () => {
  for (const name of ['x.lock', 'x.removed']) assert.ok(!GENERATION_NAME.test(name), name);
  for (const name of ['x.locked', 'lock', 'x.lock.1']) assert.ok(GENERATION_NAME.test(name), name);
});

test('one process builds a generation at a time', async (context) => {
  const encoder = fakeEncoder();
  const world = indexWorld(context, encoder);
  const corpus = world.corpus(LINES);
  await world.build('zero', corpus);
  writeFileSync(join(world.directory.building, 'one.lock'), `${process.ppid} ${MACHINE}`);
  await assert.rejects(world.build('one', corpus), new RegExp(`Process ${process.ppid} is at it`));
  // Of another machine, where nobody knows.
  writeFileSync(join(world.directory.building, 'one.lock'), '1 elsewhere');
  await assert.rejects(world.build('one', corpus), /Process 1 of elsewhere is at it, or was/);
  // Of a process that is gone.
  writeFileSync(join(world.directory.building, 'one.lock'), `${2 ** 22 + 1} ${MACHINE}`);
  await world.build('one', corpus);
});

test('faults of a corpus are told before anything is embedded', async (context) => {
  const encoder = fakeEncoder();
  const world = indexWorld(context, encoder);
  const corpus = world.corpus([{ text: 'a' }, 'x', { text: '' }]);
  await assert.rejects(world.build('one', corpus), (error) => {
    assert.ok(error instanceof StartError);
    assert.deepEqual(
      error.lines.map((line) => line.replace(corpus, '')),
      [
        ':2: is not JSON; each line must be an object such as {"text":"Why so serious?"}',
        ':3: text is empty; there would be nothing to find it by',
      ],
    );
    return true;
  });
  assert.deepEqual(encoder.seen, []);
});

test('an empty corpus makes an index without rows', async (context) => {
  const world = indexWorld(context);
  const { manifest } = await world.build('none', world.corpus([]), { fields: ['topic'] });
  assert.equal(manifest.rows, 0);
  const opened = await OpenIndex.open(world.directory.folderOf('none'), encoderOf(world.engine));
  const vectors = [new Float32Array(manifest.dimensions).fill(1)];
  assert.deepEqual(await opened.within({}).search(vectors, { top: 3 }), [[]]);
  opened.retire();
});

test('what stands before a text is embedded and not answered', async (context) => {
  const encoder = fakeEncoder({ prompts: { query: 'query: ', passage: 'passage: ' } });
  const world = indexWorld(context, encoder);
  const { manifest } = await world.build('one', world.corpus([{ text: 'a' }]));
  assert.equal(manifest.encoder.prompt, 'passage: ');
  assert.ok(encoder.seen.includes('passage: a') && !encoder.seen.includes('a'));
});

test('vectors whose lengths count are not indexed by their angles', async (context) => {
  const world = indexWorld(context, fakeEncoder({ similarity: 'dot' }));
  await assert.rejects(world.build('one', world.corpus([{ text: 'a' }])), /compares angles/);
  const normalized = indexWorld(context, fakeEncoder({ similarity: 'dot', normalized: true }));
  await normalized.build('one', normalized.corpus([{ text: 'a' }]));
});

test('duplicates, texts that are cut, and keys that are left out are told', async (context) => {
  const world = indexWorld(context);
  const long = 'word '.repeat(100);
  const corpus = world.corpus([{ text: 'a' }, { text: 'a', year: 1 }, { text: long, year: 2 }]);
  const { manifest } = await world.build('one', corpus);
  const { duplicateTexts, truncatedTexts } = manifest.statistics;
  assert.deepEqual([duplicateTexts, truncatedTexts], [1, 1]);
  assert.deepEqual(world.notes, ['year is left out, in 2 lines; to filter by it: --fields year']);
});

function encoderOf(
  engine: ReturnType<typeof fakeEncoder> | ReturnType<typeof indexWorld>['engine'],
) {
  return { engine, encoder: engine.models[0] ?? assert.fail('no encoder') };
}

/** Another encoder, which dies half way. */
function failing(seed: number) {
  const encoder = fakeEncoder({ seed });
  encoder.before = (asked) => {
    if (asked > 520) throw new Error('killed');
  };
  return encoder;
}
