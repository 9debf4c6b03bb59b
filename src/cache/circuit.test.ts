import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Circuit } from './circuit.js';

function world() {
  let now = 0;
  const circuit = new Circuit(() => now);
  const fail = (times: number) => {
    for (let time = 0; time < times; time += 1) {
      assert.ok(circuit.allows());
      circuit.failed();
    }
  };
  return { circuit, fail, pass: (milliseconds: number) => (now += milliseconds) };
}

test('it opens after five failures more than successes, and not before', () => {
  const { circuit, fail } = world();
  for (let time = 0; time < 10; time += 1) {
    fail(1);
    circuit.succeeded();
  }
  fail(4);
  circuit.succeeded();
  fail(1);
  assert.equal(circuit.state, 'closed');
  assert.equal(circuit.untilNextTry, undefined);
  fail(1);
  assert.equal(circuit.untilNextTry, 500);
  assert.equal(circuit.state, 'open');
  assert.ok(!circuit.allows());
});

test('after a while one is let through, and closes it', () => {
  const { circuit, fail, pass } = world();
  fail(5);
  pass(499);
  assert.ok(!circuit.allows());
  pass(1);
  assert.ok(circuit.allows());
  assert.equal(circuit.state, 'half-open');
  assert.ok(!circuit.allows());
  circuit.succeeded();
  assert.equal(circuit.state, 'closed');
  fail(4);
  assert.ok(circuit.allows());
});

test('each try that fails doubles the while, up to ten seconds', () => {
  const { circuit, fail, pass } = world();
  fail(5);
  const waits = [500, 1000, 2000, 4000, 8000, 10_000, 10_000];
  for (const wait of waits) {
    pass(wait - 1);
    assert.ok(!circuit.allows(), `${wait}`);
    pass(1);
    fail(1);
  }
});

test('what ends late, while it is open, changes nothing', () => {
  const { circuit, fail, pass } = world();
  fail(5);
  circuit.failed();
  pass(500);
  assert.ok(circuit.allows());
});
