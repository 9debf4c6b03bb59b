import assert from 'node:assert/strict';
import { test } from 'node:test';

import { spanUrl } from './destination.js';

const GENERIC = 'OTEL_EXPORTER_OTLP_ENDPOINT';
const SPECIFIC = 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT';

test('spans are wanted where somebody says where to', () => {
  const cases = [
    ['', {}, undefined],
    ['', { [GENERIC]: '' }, undefined],
    ['http://a:4318', {}, 'http://a:4318/v1/traces'],
    ['http://a:4318/', { [GENERIC]: 'http://b' }, 'http://a:4318/v1/traces'],
    ['', { [GENERIC]: ' https://b/otlp/ ' }, 'https://b/otlp/v1/traces'],
    ['', { [SPECIFIC]: 'http://c/spans', [GENERIC]: 'http://b' }, 'http://c/spans'],
    ['', { [GENERIC]: 'http://b', OTEL_TRACES_EXPORTER: 'none' }, undefined],
    ['http://a', { OTEL_TRACES_EXPORTER: 'none' }, 'http://a/v1/traces'],
    ['http://a', { OTEL_SDK_DISABLED: 'TRUE' }, undefined],
    [
      '',
      { [GENERIC]: 'http://b', OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf' },
      'http://b/v1/traces',
    ],
  ] as const;
  for (const [setting, environment, url] of cases) {
    assert.equal(spanUrl(setting, environment), url, JSON.stringify([setting, environment]));
  }
});

test('what cannot be done is refused by its variable', () => {
  assert.throws(() => spanUrl('', { [GENERIC]: 'collector:4317' }), {
    message: `${GENERIC} must be a URL such as http://collector:4318.`,
    exitCode: 2,
  });
  assert.throws(
    () => spanUrl('', { [GENERIC]: 'http://a:4317', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }),
    {
      message: /^OTEL_EXPORTER_OTLP_PROTOCOL is "grpc"; spans are sent as http\/protobuf alone\.$/,
    },
  );
});
