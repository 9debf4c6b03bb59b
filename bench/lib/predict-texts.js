// The texts that are sent to `POST /predict`: three that are always the same, ten in a new order, or new ones.
//
// Plain JavaScript without imports; see predict.js.

/** Sent again and again: what a cache should have. */
export const FIXED = [
  'What a lovely day!',
  'What a dreadful day!',
  'My cat believes that it is a lighthouse.',
];

/** Sent in another order each time: a list that was never asked for, of texts that all were. */
export const SHUFFLED = [
  ...FIXED,
  'They walked home.',
  'This lesson is far better than the last one',
  'Getting up before six is no pleasure',
  'If a sailor sells seven sails, how many sails does a sailor sell when seven sailors sail?',
  'A sailor who sells sails sells as many sails as a sailor could sell if a sailor could sell his sails',
  'Soup is warm',
  'Mind the gap',
];

/** A request with new texts has as many as one with fixed ones. */
const NEW_TEXTS = FIXED.length;

/** Sixty-four words that BERT's vocabulary has whole: digits to spell a number with, and what follows it. */
const WORDS =
  'time year people way day man thing woman life child world school state family student group country problem hand part place case week company system program question work government number night point home water room mother area money story fact month lot right study book eye job word business issue side kind head house service friend father power hour game line end member law'.split(
    ' ',
  );
const LEAST_WORDS = 4;
const MOST_WORDS = 42;

/** Digits of each part of a text's identity: 2^36 runs, 2^12 users, 2^24 iterations, 64 texts. */
const DIGITS = [6, 2, 4, 1];

/**
 * The texts of one request. `cacheRate` is how often they are the fixed ones; otherwise they are those of
 * `mode`, 'shuffled' or 'new'. `id` is `{run, user, iteration}`, numbers that no other request has together.
 */
export function textsOf({ cacheRate, mode }, id, random = Math.random) {
  if (random() < cacheRate) return FIXED;
  return mode === 'new' ? newTexts(id, random) : shuffled(SHUFFLED, random);
}

/** Texts of 20 to 60 tokens that no other request has: each begins with words that spell where it is from. */
export function newTexts({ run, user, iteration }, random = Math.random) {
  return Array.from({ length: NEW_TEXTS }, (_, index) => {
    const identity = [run, user, iteration, index].flatMap((number, part) =>
      spell(number, DIGITS[part]),
    );
    const length = LEAST_WORDS + Math.floor(random() * (MOST_WORDS - LEAST_WORDS + 1));
    const more = Array.from({ length }, () => WORDS[Math.floor(random() * WORDS.length)]);
    return `${[...identity, ...more].join(' ')}.`;
  });
}

/** The last `digits` digits of a number in base 64, lowest first, a word for each. */
function spell(number, digits) {
  const base = WORDS.length;
  return Array.from(
    { length: digits },
    (_, place) => WORDS[Math.floor(number / base ** place) % base],
  );
}

/** Fisher and Yates. */
function shuffled(list, random) {
  const copy = [...list];
  for (let last = copy.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    [copy[last], copy[other]] = [copy[other], copy[last]];
  }
  return copy;
}
