import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';

import type { Engine } from '../../engine/engine.js';
import { publish } from '../../retrieval/publish.js';
import { fakeEncoder } from '../../testing/fake-encoder.js';
import { indexWorld } from '../../testing/index-world.js';
import { startTestService } from '../../testing/test-service.js';
import { until } from '../../testing/until.js';
import { usualRoute } from '../../testing/usual-route.js';

const CORPUS = [
  { id: 'serious', text: 'why so serious', topic: 'films', year: 2008 },
  { id: 'refund', text: 'how do i get a refund', match: 'Ask for it.', topic: 'shop', year: 2024 },
  { id: 'parcel', text: 'where is my parcel', topic: 'shop', year: 2024 },
];

async function start(context: TestContext, options: object = {}, engine: Engine = fakeEncoder()) {
  const world = indexWorld(context, engine);
  await world.build('one', world.corpus(CORPUS), { fields: ['topic', 'year'] });
  await publish(world.directory, 'one');
  const encoder = engine.models[0] ?? assert.fail();
  const route = { ...usualRoute, path: '/process', contract: 'retrieve', models: [encoder.name] };
  const service = await startTestService(context, engine, [], {
    routes: [{ ...route, options: { ...options } }],
    load: (loadedOf) => async () => ({ ...loadedOf(engine), index: await world.serve() }),
  });
  return { ...service, world, ask: (body: unknown) => service.post(JSON.stringify(body)) };
}

async function answered(response: Response): Promise<unknown> {
  assert.equal(response.status, 200, await response.clone().text());
  return response.json();
}

test('one text has a match, several have matches in their order', async (context) => {
  const { ask } = await start(context);
  const response = await ask({ instances: ['Why so serious?'] });
  assert.equal(response.headers.get('chorus-generation'), 'one');
  assert.match(
    response.headers.get('server-timing') ?? '',
    /inference;dur=.*search;dur=.*total;dur=/,
  );
  assert.deepEqual(await answered(response), { match: 'why so serious' });
  assert.deepEqual(
    await answered(await ask({ instances: ['a refund', 'my parcel', 'a refund'] })),
    {
      matches: ['Ask for it.', 'where is my parcel', 'Ask for it.'],
    },
  );
});

test('a line with the very words is as near as can be, also where that is rounded', async (context) => {
  const { ask } = await start(context);
  for (const { text, match = text } of CORPUS) {
    const near = await ask({ instances: [text], top_k: 1, scores: true, min_score: 1 });
    const { match: lines } = (await answered(near)) as {
      match: readonly { text: string; score: number }[];
    };
    const [line = assert.fail('it is not found')] = lines;
    assert.equal(line.text, match);
    assert.ok(line.score <= 1);
  }
});

test('a filter names one value or some', async (context) => {
  const { ask } = await start(context);
  const listed = 'must be a value, or a list of 1 to 1000 of them';
  for (const year of [[], Array.from({ length: 1001 }, (_, at) => at)]) {
    const response = await ask({ instances: ['refund'], filter: { year } });
    assert.equal(response.status, 422);
    const { errors } = (await response.json()) as { errors: readonly object[] };
    assert.deepEqual(errors, [{ pointer: '/filter/year', detail: listed, message: listed }]);
  }
});

test('top_k makes lists, ids and scores make objects', async (context) => {
  const { ask } = await start(context);
  const instances = ['where is my refund'];
  const { match: lines } = (await answered(await ask({ instances, top_k: 2 }))) as {
    match: string[];
  };
  assert.deepEqual(lines, ['where is my parcel', 'Ask for it.']);
  assert.deepEqual(
    await answered(await ask({ instances: [...instances, 'b'], top_k: 5, ids: true })),
    {
      matches: [
        [
          { text: 'where is my parcel', id: 'parcel' },
          { text: 'Ask for it.', id: 'refund' },
          { text: 'why so serious', id: 'serious' },
        ],
        [
          { text: 'why so serious', id: 'serious' },
          { text: 'where is my parcel', id: 'parcel' },
          { text: 'Ask for it.', id: 'refund' },
        ],
      ],
    },
  );
  const { match } = (await answered(
    await ask({ instances: ['why so serious'], scores: true }),
  )) as {
    match: { text: string; score: number };
  };
  assert.deepEqual(Object.keys(match), ['text', 'score']);
  assert.ok(Math.abs(match.score - 1) < 1e-6);
});

test('what is looked for has its own prompt', async (context) => {
  const engine = fakeEncoder({ prompts: { query: 'query: ' }, defaultPrompt: 'any: ' });
  const { ask } = await start(context, {}, engine);
  await ask({ instances: ['a', 'b'] });
  assert.deepEqual(engine.seen.slice(-2), ['query: a', 'query: b']);
});

test('a filter and a least score leave lines out, to the last', async (context) => {
  const { ask } = await start(context);
  const find = async (more: object) => {
    const body = { instances: ['why so serious'], ...more };
    return ((await answered(await ask(body))) as { match: unknown }).match;
  };
  assert.notEqual(await find({ filter: { topic: 'shop' } }), 'why so serious');
  assert.equal(await find({ filter: { topic: ['shop', 'films'], year: 2008 } }), 'why so serious');
  assert.equal(await find({ filter: { topic: 'shop', year: 2008 } }), null);
  assert.equal(await find({ filter: { year: '2008' } }), null, 'a string is no number');
  assert.deepEqual(await find({ filter: { topic: 'fish' }, top_k: 3 }), []);
  assert.equal(await find({ min_score: 0.99 }), 'why so serious');
  assert.equal(await find({ min_score: 0.99, filter: { topic: 'shop' } }), null);
});

for (const [body, ...expected] of [
  [{}, '/instances must be a list of strings, and it is missing'],
  [{ instances: 'a' }, '/instances must be a list of strings, and it is a string'],
  [{ instances: [] }, '/instances must have at least one text'],
  [{ instances: ['a', 'b', 'c'] }, '/instances must have at most 2 texts, and it has 3'],
  [
    { instances: ['a', 1], top_k: 0, scores: 'yes', text: 'a' },
    '/instances/1 must be a string, and it is a number',
    '/top_k must be a whole number from 1 to 7',
    '/scores must be true or false, and it is a string',
    '/text is not known',
  ],
  [{ instances: ['a'], top_k: 8 }, '/top_k must be a whole number from 1 to 7'],
  [{ instances: ['a'], min_score: 2 }, '/min_score must be a number from -1 to 1'],
  [
    { instances: ['a'], filter: [] },
    '/filter must be an object of fields and their values, and it is an array',
  ],
  [
    { instances: ['a'], filter: { topic: null } },
    '/filter/topic must be a string, a number, true or false, and it is null',
  ],
  [
    { instances: ['a'], filter: { lang: 'en' } },
    '/filter/lang is not a field of the index; it has topic, year',
  ],
] as const) {
  test(`refused: ${JSON.stringify(body)}`, async (context) => {
    const engine = fakeEncoder();
    const { ask } = await start(context, { max_texts: 2, max_top_k: 7 }, engine);
    const asked = engine.seen.length;
    const response = await ask(body);
    const { errors } = (await response.json()) as { errors: { pointer: string; detail: string }[] };
    assert.equal(response.status, 422);
    assert.deepEqual(
      errors.map(({ pointer, detail }) => `${pointer} ${detail}`),
      expected,
    );
    assert.equal(engine.seen.length, asked, 'nothing is embedded for it');
  });
}

test('a filter by a key that schemas pass over is refused, and not passed over', async (context) => {
  const { post } = await start(context);
  for (const key of ['__proto__', '\\u005f_proto__', 'constructor', 'toString']) {
    const response = await post(`{"instances":["a"],"filter":{"${key}":"x"}}`);
    assert.equal(response.status, 422, key);
    assert.match(await response.text(), /"pointer":"\/filter\/(?:__proto__|constructor|toString)"/);
  }
});

test('an answer that would be larger than answers may be is refused, whatever it is made of', async (context) => {
  const engine = fakeEncoder();
  const { ask, world } = await start(context, {}, engine);
  const long = 'word '.repeat(12_000);
  const lines = Array.from({ length: 10 }, (_, at) => ({ text: `${at} ${long}` }));
  await world.build('long', world.corpus(lines));
  await publish(world.directory, 'long');
  await until(async () => {
    const response = await ask({ instances: ['a'] });
    return response.headers.get('chorus-generation') === 'long';
  }, 'it is served');
  const few = await ask({ instances: ['a', 'b'], top_k: 10 });
  assert.equal(few.status, 200);
  const many = await ask({ instances: Array(100).fill('a'), top_k: 10 });
  assert.equal(many.status, 422);
  assert.match(await many.text(), /more than an answer has room for: 1000 lines of \d+ bytes/);
});

test('no request fails while another generation takes the place of the one that is served', async (context) => {
  const { ask, world, metrics } = await start(context);
  await world.build('two', world.corpus([{ text: 'why so calm' }]));
  let isOver = false;
  const seen = new Set<string>();
  const client = async () => {
    while (!isOver) {
      const response = await ask({ instances: ['why so serious', 'why'] });
      const { matches } = (await answered(response)) as { matches: string[] };
      const generation = response.headers.get('chorus-generation') ?? assert.fail();
      const expected = generation === 'one' ? 'why so serious' : 'why so calm';
      assert.deepEqual(matches, [expected, expected], `all of it is of generation ${generation}`);
      seen.add(generation);
    }
  };
  const clients = Array.from({ length: 8 }, client);
  for (const generation of ['two', 'one', 'two']) {
    await publish(world.directory, generation);
    const line = `chorus_index_info{generation="${generation}"} 1`;
    await until(async () => (await metrics()).includes(line), `${generation} is served`);
  }
  isOver = true;
  await Promise.all(clients);
  assert.deepEqual([...seen].sort(), ['one', 'two']);
});

test('the index is part of the metrics', async (context) => {
  const { ask, metrics } = await start(context);
  await ask({ instances: ['a'] });
  const text = await metrics();
  for (const line of [
    'chorus_index_rows 3',
    'chorus_index_behind 0',
    'chorus_index_recall{at="1"} 1',
    'chorus_index_switches_total{outcome="failed"} 0',
    'chorus_index_search_duration_seconds_count 1',
  ]) {
    assert.ok(text.includes(`\n${line}\n`), line);
  }
});
