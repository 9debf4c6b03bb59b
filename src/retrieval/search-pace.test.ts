import assert from 'node:assert/strict';
import { test } from 'node:test';

import { SearchPace } from './search-pace.js';

/** A pace whose clock is `at`. */
function paced() {
  const clock = { at: 0 };
  return { clock, pace: new SearchPace(() => clock.at) };
}

/** Lone searches, one after the other, of so many milliseconds each. */
function learned(takesMs: number, count = 20, places = 1) {
  const { clock, pace } = paced();
  for (let at = 0; at < count; at += 1) {
    const search = pace.accepted(1, places);
    search.begun();
    clock.at += takesMs;
    search.ended(true);
  }
  return { clock, pace };
}

function near(found: number, expected: number, what: string): void {
  assert.ok(Math.abs(found - expected) <= 0.02 * expected, `${what}: ${found}, not ${expected}`);
}

test('what is before a newcomer is waited for at the pace of finished searches', () => {
  const { pace } = learned(15);
  assert.equal(pace.waitMs(1, 1), 0, 'nobody is before it');
  near(pace.serviceMs(3, 1), 45, 'three vectors of its own');
  const open = Array.from({ length: 10 }, () => pace.accepted(1, 1));
  near(pace.waitMs(1, 1), 150, 'ten whose vectors are on their way');
  for (const search of open) search.begun();
  near(pace.waitMs(1, 1), 150, 'ten that are searched for');
  for (const search of open) search.ended(false);
  assert.equal(pace.waitMs(1, 1), 0);
});

test('while nothing is known, nobody is refused for it', () => {
  const { pace } = paced();
  pace.accepted(500, 1).begun();
  assert.equal(pace.waitMs(1, 1), 0);
});

test('of a request with hundreds of vectors no more is before a newcomer than it has itself', () => {
  const { pace } = learned(10);
  pace.accepted(500, 1);
  near(pace.waitMs(1, 1), 10, 'one vector');
  near(pace.waitMs(20, 1), 200, 'twenty');
  near(pace.waitMs(900, 1), 5000, 'more than there are');
});

test('what a lone search has taken is no wait of many, where there is a place for each', () => {
  const { pace } = learned(10, 20, 32);
  for (let at = 0; at < 64; at += 1) pace.accepted(1, 32);
  near(pace.waitMs(1, 32), 20, 'two turns');
});

test('an index that becomes slow is known for it within seconds, also where nobody waits to the end', () => {
  const { clock, pace } = learned(1);
  for (let at = 0; at < 5; at += 1) {
    const search = pace.accepted(1, 1);
    search.begun();
    clock.at += 1000;
    search.ended(false);
  }
  pace.accepted(1, 1);
  assert.ok(pace.waitMs(1, 1) > 1000, `${pace.waitMs(1, 1)}`);
});

test('a request with many vectors that ends does not say that each took no time', () => {
  const { clock, pace } = learned(10);
  const large = pace.accepted(500, 1);
  large.begun();
  clock.at += 5000;
  large.ended(true);
  pace.accepted(1, 1);
  near(pace.waitMs(1, 1), 10, 'as before');
});

test('what is told twice counts once', () => {
  const { pace } = paced();
  const search = pace.accepted(3, 1);
  search.begun();
  search.ended(true);
  search.ended(false);
  pace.accepted(1, 1).begun();
  assert.equal(pace.waitMs(5, 1), 0);
});
