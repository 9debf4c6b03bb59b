/**
 * B, the rows of texts: what is well-formed, and strange, long or many.
 */

import assert from 'node:assert/strict';

import { CANARY } from '../answers.js';
import { act, row, tests, type Row } from '../row.js';
import type { Scene } from '../scene.js';

const PROCESS = 'src/routes/process/process.test.ts';
const PREDICT = 'src/routes/predict/predict.test.ts';
const STARTER = 'src/e2e/starter.test.ts';
const FAST = 'native/runtime/src/tokenizer/fast/tests.rs';

/** The default of --max-body-size. */
const LIMIT = 256 * 1024;

export const texts: readonly Row[] = [
  row(
    42,
    'a lone surrogate',
    '200; replaced, the same for all models and caches, and counted',
    tests(PROCESS, 'a lone surrogate is repaired and counted'),
    act(
      async (scene) => {
        const broken = await scene.post(`"${CANARY} \\ud800"`);
        const whole = await answered(scene, `${CANARY} \ufffd`);
        assert.deepEqual([broken.status, broken.body], [200, whole.body]);
      },
      { counts: { chorus_text_repaired_total: 1 } },
    ),
  ),
  row(
    43,
    'NUL in a text',
    '200',
    tests(STARTER, 'the empty string, blanks and control characters are texts like any other'),
  ),
  row(
    44,
    'an empty text',
    '200: special tokens alone are read',
    tests(PROCESS, '"" is a text like any other'),
    act(async (scene) => {
      await answered(scene, '');
    }),
  ),
  row(
    45,
    'blanks, zero-width or control characters alone',
    '200, as the empty text or by what the tokenizer makes of them',
    act(async (scene) => {
      for (const text of [' ', '\t\n', '\u200b', '\u200d\u2060', '\u0000', '\ufeff', '\u0085']) {
        await answered(scene, text);
      }
    }),
  ),
  row(
    46,
    'emoji sequences, combining marks, right to left, CJK',
    '200, with the ids and scores of transformers',
    tests(FAST, 'all_shared_texts_have_the_ids_of_the_library'),
    tests(
      'native/runtime/tests/fixtures.rs',
      'every_architecture_answers_as_transformers_does_alone_and_in_any_batch',
    ),
  ),
  row(
    47,
    '100,000 characters',
    '200, read as far as the models do',
    act(async (scene) => cut(scene, sized('word ', 100_000)), {
      counts: { chorus_input_truncated_total: 1 },
    }),
  ),
  row(
    48,
    'as many dots or ideographs as a body holds',
    '200; no more is tokenized than is read',
    tests(FAST, 'endless_words_are_cut_where_their_ids_are_certain'),
    act(
      async (scene) => {
        await cut(scene, sized('.', LIMIT - 2));
        await cut(scene, sized('語', LIMIT - 2));
      },
      { counts: { chorus_input_truncated_total: 2 } },
    ),
  ),
  row(
    49,
    'one word, blanks or combining marks as long as a body',
    '200',
    act(async (scene) => {
      for (const unit of ['a', ' ', '\u0301', '👍', '<mask>', '\u200b']) {
        await answered(scene, sized(unit, LIMIT - 2));
      }
    }),
  ),
  row(
    50,
    'a long text that is cut before it is tokenized',
    'its ids are the beginning of those of the whole text',
    tests(
      FAST,
      'endless_words_are_cut_where_their_ids_are_certain',
      'all_shared_texts_have_the_ids_of_the_library',
    ),
  ),
  row(
    51,
    'many texts at once',
    'each has the answer that it has alone',
    tests(STARTER, 'a text gets the same answer alone and in a crowd'),
    act(crosstalk, { flags: ['--cache-size', '0'], isLong: true }),
  ),
  row(
    52,
    'the same text for other models or options',
    'another entry of the cache',
    tests(
      'src/cache/cached-engine.test.ts',
      'only missing texts and models are asked for, and the answer is in its order',
    ),
    tests('native/runtime/src/model/identity.rs', 'whatever_changes_an_answer_changes_the_digest'),
    tests(PREDICT, 'a route may want the labels in class order'),
  ),
];

/** So much of `unit`, again and again, as takes up to `bytes` as UTF-8. */
function sized(unit: string, bytes: number): string {
  return unit.repeat(Math.floor(bytes / Buffer.byteLength(unit)));
}

async function answered(scene: Scene, text: string) {
  const answer = await scene.ask(text);
  assert.equal(answer.status, 200, answer.body);
  return answer;
}

async function cut(scene: Scene, text: string): Promise<void> {
  const { headers } = await answered(scene, text);
  assert.ok(headers['chorus-truncated'], 'it says which models read its beginning alone');
}

/** 64 clients send texts of all lengths; each must get what its text gets alone, to the sixth digit. */
async function crosstalk(scene: Scene): Promise<void> {
  const texts = Array.from(
    { length: 40 },
    (_, index) => `${CANARY} ${`${index} is said `.repeat((index * 7) % 60)}`,
  );
  const alone = new Map<string, Scores>();
  for (const text of texts) alone.set(text, scoresOf((await answered(scene, text)).body));
  const client = async (_: unknown, index: number) => {
    for (let turn = 0; turn < 12; turn += 1) {
      const text = texts[(index * 11 + turn * 17) % texts.length] ?? '';
      const scores = scoresOf((await answered(scene, text)).body);
      for (const [model, top] of Object.entries(alone.get(text) ?? {})) {
        const again = scores[model];
        assert.equal(again?.label, top?.label, model);
        assert.ok(Math.abs((again?.score ?? 0) - (top?.score ?? 1)) < 1e-6, model);
      }
    }
  };
  await Promise.all(Array.from({ length: 64 }, client));
}

interface Top {
  readonly score: number;
  readonly label: string;
}

type Scores = Readonly<Partial<Record<string, Top>>>;

function scoresOf(body: string): Scores {
  return JSON.parse(body) as Scores;
}
