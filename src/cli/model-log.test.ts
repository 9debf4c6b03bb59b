import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { LogFields } from '../log/logger.js';
import { modelLog } from './model-log.js';

test('a model that comes, goes or cannot come is a line, and only the last an error', () => {
  const lines: unknown[] = [];
  const at = (level: string) => (fields: LogFields, message?: string) => {
    lines.push([level, fields, message]);
  };
  const log = modelLog({
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
  });
  log({ what: 'loaded', model: 'a', seconds: 1.2345 });
  log({ what: 'evicted', model: 'b' });
  log({ what: 'failed', model: 'c', error: 'c/model.safetensors: gone', retryAfterMs: 2000 });
  assert.deepEqual(lines, [
    ['info', { model: 'a', durationMs: 1235 }, 'model loaded'],
    ['info', { model: 'b' }, 'model evicted: its memory is wanted by another'],
    [
      'error',
      { model: 'c', detail: 'c/model.safetensors: gone', retryAfterMs: 2000 },
      'model could not be loaded',
    ],
  ]);
});
