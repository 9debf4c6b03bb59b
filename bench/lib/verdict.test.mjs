// What counts as a difference, and which version of transformers is followed.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { judge, reasonOf } from './verdict.mjs';

const answers = (...list) => ({ answers: list });
const scores = (a, b) => ({ scores: Object.entries({ a, b }) });
const refused = (reason = 'it is broken') => ({ refused: reason });
const other = answers(scores(0.1, 0.9));

test('an answer of 4.57 counts, and not that of 5', () => {
  const four = answers(scores(0.25, 0.75));
  assert.equal(judge({ own: four, four, five: other }).kind, 'equal');
  assert.equal(judge({ own: four, four, five: other }).alsoFive, false);
  assert.equal(judge({ own: other, four, five: other }).kind, 'different');
});

test('where 4.57 fails, for a folder or for a text, 5 is followed', () => {
  assert.equal(judge({ own: other, four: refused(), five: other }).kind, 'equal');
  assert.equal(judge({ own: other, four: answers(refused()), five: other }).kind, 'equal');
  const different = judge({ own: answers(scores(0.2, 0.8)), four: refused(), five: other });
  assert.equal(different.differences[0].version, '5');
});

test('an answer that nobody else gives is a difference', () => {
  assert.equal(judge({ own: other, four: refused(), five: refused() }).kind, 'different');
  const text = judge({ own: other, four: answers(refused()), five: refused() });
  assert.deepEqual(text.differences[0].expected, 'no answer: it is broken');
});

test('a refusal is none, and is counted with what was served', () => {
  assert.equal(judge({ own: refused(), four: other, five: other }).served, '4.57');
  assert.equal(judge({ own: refused(), four: refused(), five: other }).served, '5');
  assert.equal(judge({ own: refused(), four: refused(), five: refused() }).served, null);
  const text = judge({ own: answers(refused('x')), four: other, five: other });
  assert.deepEqual(
    [text.kind, text.refusedTexts],
    ['equal', [{ text: 0, version: '4.57', reason: 'x' }]],
  );
});

test('labels, their number and what is no number are compared, too', () => {
  const different = (own) => judge({ own: answers(own), four: other, five: other }).kind;
  assert.equal(different({ scores: [['a', 0.1]] }), 'different');
  assert.equal(different({ scores: Object.entries({ a: 0.1, c: 0.9 }) }), 'different');
  assert.equal(different({ vector: [0.1, 0.9] }), 'different');
  assert.equal(different(scores(NaN, 0.9)), 'different');
  assert.equal(different(scores(0.100005, 0.899995)), 'equal');
  assert.equal(different(scores(0.10002, 0.89998)), 'different');
});

test('reasons are the same for folders that differ in names alone', () => {
  const reason = (folder, token) =>
    reasonOf(`/models/${folder}/tokenizer.json: the added token "${token}" of 17`);
  assert.equal(reason('1-0001', '[UNK]'), reason('1-0256', 'a "quote"'.replaceAll('"', '\\"')));
  assert.equal(reason('1-0001', 'x'), 'tokenizer.json: the added token "…" of N');
});
