/**
 * How long properties are tried: with a few cases, always the same, in `make test`; with new ones for `FUZZ_SECONDS`
 * in `make fuzz`. A failure says the seed and the path that repeat it.
 */

import fc from 'fast-check';

/** Cases of a property in `make test`. */
const CASES = 300;
/** Any number; another one is another selection of cases. */
const SEED = 20_260_601;

const seconds = Number(process.env.FUZZ_SECONDS ?? 0);

const forAWhile = {
  numRuns: Number.MAX_SAFE_INTEGER,
  interruptAfterTimeLimit: seconds * 1000,
  markInterruptAsFailure: false,
};

/** Tries `property`; `share` of the usual cases where one takes long. */
export async function holds<T>(property: fc.IRawProperty<T>, share = 1): Promise<void> {
  const few = { numRuns: Math.ceil(CASES * share), seed: SEED };
  await fc.assert(property, seconds > 0 ? forAWhile : few);
}

/** `text` with some of its parts taken out, doubled or replaced by one of `fragments`. */
export function mutated(text: string, fragments: readonly string[]): fc.Arbitrary<string> {
  const place = fc.nat(text.length);
  const change = fc.tuple(place, fc.nat(12), fc.constantFrom('', ...fragments));
  return fc
    .array(change, { minLength: 1, maxLength: 4 })
    .map((changes) =>
      changes.reduce(
        (changed, [at, removed, added]) =>
          changed.slice(0, at) + added + changed.slice(at + removed),
        text,
      ),
    );
}
