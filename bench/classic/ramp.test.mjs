import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ramp } from './ramp.mjs';

/** A service that bears `capacity` requests a second, and what it was asked for. */
function service(capacity) {
  const rates = [];
  const measure = async (rate) => {
    rates.push(rate);
    return { rate, isBorne: rate <= capacity };
  };
  return { rates, measure };
}

for (const capacity of [100, 137, 999, 5000]) {
  test(`a service that bears ${capacity} a second is found to, within 7 %`, async () => {
    const { rates, measure } = service(capacity);
    const { best, first } = await ramp(measure, 100);
    assert.ok(best.rate <= capacity && best.rate > capacity * 0.93, String(best.rate));
    assert.ok(first.rate > capacity);
    const borne = rates.filter((rate) => rate <= capacity);
    assert.equal(new Set(borne).size, borne.length);
  });
}

test('a start that is too much is halved, and nothing is made up where all is', async () => {
  const { best } = await ramp(service(60).measure, 100);
  assert.equal(best.rate, 50);
  const none = await ramp(service(0).measure, 100);
  assert.equal(none.best, undefined);
  assert.equal(none.first.rate, 25);
});

test('a service that bears everything ends it all the same', async () => {
  const { rates, measure } = service(Infinity);
  await ramp(measure, 1000);
  assert.ok(rates.length < 50);
});

test('a rate that was too much once only is borne', async () => {
  let spoiled = false;
  const { measure } = service(200);
  const once = async (rate) => {
    const step = await measure(rate);
    if (rate < 150 || spoiled) return step;
    spoiled = true;
    return { ...step, isBorne: false };
  };
  const { best } = await ramp(once, 100);
  assert.ok(best.rate > 186, String(best.rate));
});
