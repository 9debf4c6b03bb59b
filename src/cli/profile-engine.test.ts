import assert from 'node:assert/strict';
import { test } from 'node:test';

import { LoadFailure } from '../engine/native-models.js';
import { testProfile } from '../testing/test-service.js';
import { located } from './profile-engine.js';

const profile = testProfile(['a', 'b']);
const message = 'expected `max_tokens` from 4 to 512, found 600';
const failed = { type: 'failed', code: 'load_failed', message } as const;

for (const field of ['format', 'graph', 'labels', 'load', 'max_tokens', 'pooling']) {
  test(`a fault of an entry's ${field} is told where it stands`, () => {
    const { lines, exitCode } = located(new LoadFailure({ ...failed, model: 'b', field }), profile);
    assert.deepEqual(lines, [`models.1.${field}: ${message}`]);
    assert.equal(exitCode, 2);
  });
}

test('a fault of files, or of a model that the profile has not, is told as it is', () => {
  for (const blamed of [{}, { model: 'b' }, { model: 'c', field: 'max_tokens' }]) {
    const failure = new LoadFailure({ ...failed, ...blamed });
    assert.equal(located(failure, profile), failure);
  }
});
