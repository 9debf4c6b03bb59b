import assert from 'node:assert/strict';
import { test } from 'node:test';

import { testProfile } from '../testing/test-service.js';
import { unserved } from './report.js';
import { usualRoute } from '../testing/usual-route.js';

test('a model that no route serves is named', () => {
  const route = (path: string, ...models: string[]) => ({
    path,
    contract: 'process',
    models,
    ...usualRoute,
  });
  const profile = testProfile(['a', 'b', 'c'], [route('/x', 'c'), route('/y', 'a', 'c')]);
  assert.deepEqual(unserved(profile), ['b is in the profile, and no route serves it']);
});
