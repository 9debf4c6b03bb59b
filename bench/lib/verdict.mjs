// Judges what the engine made of a random folder by what two versions of transformers made of it.
//
// A folder is answered as by 4.57, is answered as by 5 where 4.57 cannot, or is refused. Anything else is a
// difference: another answer, or one where neither version gives any.

/** A regression answers its logit; a sigmoid would shrink differences of it to a quarter at least. */
const RAW_LOGIT = 4;

/** Numbers are compared by their difference over the largest of them, where that exceeds 1. */
export function judge({ own, four, five, tolerance = 1e-5 }) {
  if (own.refused !== undefined) {
    const served = serves(four) ? '4.57' : serves(five) ? '5' : null;
    return { kind: 'refused', served, reason: reasonOf(own.refused), differences: [] };
  }
  const differences = [];
  const refusedTexts = [];
  own.answers.forEach((answer, text) => {
    const expected = expectedOf(text, four, five);
    if (answer.refused !== undefined) {
      const { version } = expected;
      if (version) refusedTexts.push({ text, version, reason: reasonOf(answer.refused) });
    } else if (!expected.answer) {
      differences.push({ text, own: answer, expected: `no answer: ${expected.refused}` });
    } else if (!(distance(answer, expected.answer) <= tolerance)) {
      differences.push({ text, own: answer, expected: expected.answer, version: expected.version });
    }
  });
  const agrees = (other) =>
    other.answers?.every((answer, text) => distance(own.answers[text], answer) <= tolerance) ??
    false;
  return {
    kind: differences.length > 0 ? 'different' : 'equal',
    served: serves(four) ? '4.57' : '5',
    alsoFive: serves(four) && agrees(five),
    refusedTexts,
    differences,
  };
}

/** A folder may load and fail at every text. */
function serves({ answers = [] }) {
  return answers.some(({ refused }) => refused === undefined);
}

/** What is to be answered: as 4.57 does, or else as 5 does. */
function expectedOf(text, four, five) {
  const answers = [
    { version: '4.57', answer: four.answers?.[text] ?? { refused: four.refused } },
    { version: '5', answer: five.answers?.[text] ?? { refused: five.refused } },
  ];
  return (
    answers.find(({ answer }) => answer.refused === undefined) ?? {
      refused: answers[0].answer.refused,
    }
  );
}

function distance(own, expected) {
  const [left, right] = [numbersOf(own), numbersOf(expected)];
  if (left.length !== right.length) return Infinity;
  const isRaw = expected.scores?.some(([, score]) => score < 0 || score > 1) ?? false;
  const scale = Math.max(isRaw ? RAW_LOGIT : 1, ...right.map(([, number]) => Math.abs(number)));
  const differences = left.map(([label, number], index) =>
    label === right[index][0] ? Math.abs(number - right[index][1]) / scale : Infinity,
  );
  return Math.max(0, ...differences);
}

/** Label and number, in an order that does not depend on small differences between scores. */
function numbersOf({ scores, vector, refused }) {
  if (refused !== undefined) return [['refused', 0]];
  if (vector) return vector.map((number, index) => [index, number]);
  const byName = ([a, x], [b, y]) => (a < b ? -1 : a > b ? 1 : x - y);
  return scores.toSorted(byName);
}

/** A message without what is this folder's own: its path, names in quotes and numbers. */
export function reasonOf(message) {
  return message
    .replace(/^\S*\/(?=[\w.-]+:)/, '')
    .replace(/\S*\/\d[\w-]*\/?/g, '')
    .replace(/"(?:[^"\\]|\\.)*"/g, '"…"')
    .replace(/\d+/g, 'N')
    .slice(0, 160);
}
