import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';

import { fakeBest } from '../../testing/fake-engine.js';
import { startRoute } from '../../testing/route-service.js';

const MODEL = 'svalabs';
const LABELS = ['HAM', 'SPAM'];

interface LabelScore {
  readonly label: string;
  readonly score: number;
}

function start(context: TestContext, options: object = {}, flags: readonly string[] = []) {
  return startRoute(context, { contract: 'predict', model: MODEL, options, flags });
}

async function predictions(response: Response): Promise<readonly (readonly LabelScore[])[]> {
  assert.equal(response.status, 200);
  return ((await response.json()) as { predictions: LabelScore[][] }).predictions;
}

test('every label of every text comes in the texts’ order, best first, duplicates as well', async (context) => {
  const { ask } = await start(context);
  const texts = ['example 1', 'example 2', '', ' ', 'example 1'];
  const answers = await predictions(await ask({ text: texts }));
  assert.equal(answers.length, texts.length);
  for (const [at, text] of texts.entries()) {
    const labels = answers[at] ?? assert.fail(text);
    assert.deepEqual(labels[0], fakeBest(MODEL, text));
    assert.deepEqual(labels.map(({ label }) => label).sort(), LABELS);
    for (const one of labels) assert.deepEqual(Object.keys(one), ['label', 'score']);
    const [first, second] = labels.map(({ score }) => score);
    assert.ok(first !== undefined && second !== undefined && first >= second);
  }
});

test('a route may want the labels in class order', async (context) => {
  const { ask } = await start(context, { order: 'class' });
  for (const labels of await predictions(await ask({ text: ['a', 'b', 'c', 'd'] }))) {
    assert.deepEqual(
      labels.map(({ label }) => label),
      LABELS,
    );
  }
});

test('one text is answered by its list alone', async (context) => {
  const { ask } = await start(context);
  const [best] = await predictions(await ask({ text: 'example 1' }));
  assert.deepEqual(best, fakeBest(MODEL, 'example 1'));
});

const WHAT_TEXT_IS = 'must be a list of strings, or one string, and it is';

for (const [body, ...expected] of [
  [{ texts: ['a'] }, `/text ${WHAT_TEXT_IS} missing`, '/texts is not known'],
  [{}, `/text ${WHAT_TEXT_IS} missing`],
  [{ text: 7 }, `/text ${WHAT_TEXT_IS} a number`],
  [{ text: null }, `/text ${WHAT_TEXT_IS} null`],
  [['a'], ' must be an object, and it is an array'],
  [{ text: [] }, '/text must have at least one text'],
  [
    { text: [1, 'a', ['b']], 'a/b': 1, c: 2 },
    '/text/0 must be a string, and it is a number',
    '/text/2 must be a string, and it is an array',
    '/a~1b is not known',
    '/c is not known',
  ],
  [{ text: Array(4).fill('a') }, '/text must have at most 3 texts, and it has 4'],
] as const) {
  test(`${JSON.stringify(body)} is refused with every fault`, async (context) => {
    const { faults } = await start(context, { max_texts: 3 });
    assert.deepEqual((await faults(body)).sort(), [...expected].sort());
  });
}

test('a route for lists takes no string, and one for one text no list', async (context) => {
  const lists = await start(context, { shape: 'list' });
  assert.deepEqual(await lists.faults({ text: 'a' }), [
    '/text must be a list of strings, and it is a string',
  ]);
  const texts = await start(context, { shape: 'one' });
  assert.deepEqual(await texts.faults({ text: ['a'] }), [
    '/text must be a string, and it is an array',
  ]);
  assert.equal((await texts.ask({ text: 'a' })).status, 200);
});

test('512 texts are taken unless a route says another number', async (context) => {
  const { ask, faults } = await start(context);
  assert.match((await faults({ text: Array(513).fill('a') })).join(), /at most 512 texts/);
  const [fault, ...others] = await faults({ text: [...Array<string>(512).fill('a'), 1] });
  assert.deepEqual([fault, others], ['/text must have at most 512 texts, and it has 513', []]);
  assert.equal((await predictions(await ask({ text: Array(512).fill('a') }))).length, 512);
});

test('below a prefix the route and health are both there', async (context) => {
  const { ask, origin } = await start(context, {}, ['--path-prefix', '/project']);
  assert.match(origin, /\/project$/);
  assert.equal((await ask({ text: ['a'] })).status, 200);
  const health = await fetch(`${origin}/health`);
  assert.equal(health.status, 200);
  assert.equal(((await health.json()) as { status: string }).status, 'healthy');
});

test('a list that is too long is refused for that alone, whatever is in it', async (context) => {
  const { faults } = await start(context);
  const many = await faults({ text: Array(100_000).fill(1) });
  assert.deepEqual(many, ['/text must have at most 512 texts, and it has 100000']);
});

test('of very many faults a thousand are told', async (context) => {
  const { faults } = await start(context, { max_texts: 100_000 });
  assert.equal((await faults({ text: Array(100_000).fill(1) })).length, 1000);
});
