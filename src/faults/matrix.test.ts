/**
 * The fault matrix as tests: in the gate what takes about a second, under `make faults` everything.
 */

import assert from 'node:assert/strict';
import { after, test } from 'node:test';

import { isDeclared } from './existing-tests.js';
import { isWanted, MATRIX, titleOf } from './matrix.js';
import { endSharedScene, prove } from './prove.js';
import { isExisting, isQuick } from './row.js';

/** Set by `main`: the groups and numbers of rows to prove in full; all where it is empty. */
const wanted = process.env.CHORUS_FAULTS?.split(' ').filter((word) => word !== '');

after(endSharedScene);

if (wanted === undefined) {
  test('rows have numbers of their own, in order', () => {
    const numbers = MATRIX.map(([, { number }]) => number);
    assert.deepEqual(
      numbers,
      numbers.map((_, index) => index + 1),
    );
  });

  test('a row is proven, or says why it cannot happen', () => {
    for (const [group, row] of MATRIX) {
      const isProven = row.proofs.length > 0;
      assert.notEqual(isProven, row.inapplicable !== undefined, titleOf(group, row));
    }
  });

  // They run in the gate themselves, each in its place; run here they would run twice.
  test('the tests that rows name exist', () => {
    const named = MATRIX.flatMap(([, { proofs }]) => proofs.filter(isExisting));
    const missing = named.filter((one) => !isDeclared(one));
    assert.deepEqual(missing, []);
  });
}

for (const [group, row] of MATRIX) {
  const proofs = wanted === undefined ? row.proofs.filter(isQuick) : row.proofs;
  const skip = row.inapplicable ?? false;
  if (wanted === undefined ? proofs.length === 0 : !isWanted(wanted, group, row)) continue;
  test(titleOf(group, row), { skip, timeout: 180_000 }, async (context) => {
    const times = await prove({ ...row, proofs }, context);
    // `main` reads it: a test has no other way to say something besides that it passed.
    if (times) context.diagnostic(`probes ${JSON.stringify({ number: row.number, ...times })}`);
  });
}
