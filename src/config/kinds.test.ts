import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  duration,
  integer,
  keyPrefix,
  memory,
  modelMemory,
  oneOf,
  otlpUrl,
  pathPrefix,
  port,
  redisUrl,
  size,
  someTime,
  text,
  toggle,
  type Kind,
} from './kinds.js';

const DAY_MS = 24 * 3_600_000;

/** By kind: what is taken, with its value, and what is refused. */
const cases: readonly [
  name: string,
  kind: Kind<unknown>,
  taken: [string, unknown][],
  refused: string[],
][] = [
  [
    'text',
    text('a folder'),
    [
      ['', ''],
      [' a ', ' a '],
    ],
    [],
  ],
  [
    'otlpUrl',
    otlpUrl,
    [
      ['', ''],
      ['http://collector:4318', 'http://collector:4318'],
      ['https://otlp.example/otlp/', 'https://otlp.example/otlp/'],
    ],
    ['collector:4318', 'grpc://a', 'http://', 'http://user:secret@a', 'http://a?b', 'http://a b'],
  ],
  [
    'toggle',
    toggle,
    [
      ['true', true],
      ['false', false],
    ],
    ['', 'yes', '1', 'TRUE'],
  ],
  [
    'port',
    port,
    [
      ['0', 0],
      ['65535', 65_535],
      ['080', 80],
    ],
    ['65536', '-1', '80a', '8.0', '', ' 80'],
  ],
  [
    'integer',
    integer(1, 9),
    [
      ['1', 1],
      ['9', 9],
    ],
    ['0', '10', '1e0', '0x1', '١'],
  ],
  [
    'one of',
    oneOf(['auto', 'cpu']),
    [
      ['auto', 'auto'],
      ['cpu', 'cpu'],
    ],
    ['', 'CPU', 'cuda'],
  ],
  [
    'duration',
    duration,
    [
      ['0s', 0],
      ['500ms', 500],
      ['25s', 25_000],
      ['2m', 120_000],
      ['1440m', DAY_MS],
      ['1h', 3_600_000],
    ],
    ['25', '1.5s', '1d', '-1s', ' 1s', '1441m', '25h', 's'],
  ],
  [
    'size',
    size,
    [
      ['1', 1],
      ['1B', 1],
      ['512KiB', 524_288],
      ['64MiB', 67_108_864],
    ],
    ['0', '65MiB', '1KB', '1kib', '1.5MiB', ''],
  ],
  [
    'memory',
    memory,
    [
      ['0', 0],
      ['64MiB', 67_108_864],
      ['2GiB', 2_147_483_648],
    ],
    ['65GiB', '-1', '1GB', ''],
  ],
  [
    'memory for models',
    modelMemory,
    [
      ['0', 0],
      ['12GiB', 12_884_901_888],
    ],
    ['1025GiB', '-1', '12GB', '1.5GiB', ''],
  ],
  [
    'some time',
    someTime,
    [
      ['1ms', 1],
      ['1h', 3_600_000],
    ],
    ['0s', '0ms', ''],
  ],
  [
    'Redis URL',
    redisUrl,
    [
      'redis://cache',
      'rediss://user:word@cache:6380/2',
      'redis+sentinel://a:26379,b:26379/main',
      'redis+cluster://a,b',
      '',
    ].map((url) => [url, url] as const),
    ['cache:6379', 'http://cache', 'redis://', 'redis://a b', 'redis+other://a'],
  ],
  [
    'key prefix',
    keyPrefix,
    [['fastapi-cache-project', 'fastapi-cache-project']],
    ['', 'a*', 'a b', 'a:b', 'ä', 'a'.repeat(65)],
  ],
  [
    'path prefix',
    pathPrefix,
    [
      ['', ''],
      ['/project', '/project'],
      ['/a/b-c_d.e~f', '/a/b-c_d.e~f'],
      ['/.well-known/..a', '/.well-known/..a'],
    ],
    ['/', 'project', '/project/', '//a', '/a b', '/{model}', '/a?b', '/.', '/../a', '/a/..'],
  ],
];

for (const [name, { schema, expects }, taken, refused] of cases) {
  test(`${name}: ${expects}`, () => {
    for (const [written, value] of taken) assert.equal(schema.parse(written), value, written);
    for (const written of refused) assert.ok(!schema.safeParse(written).success, `"${written}"`);
  });
}

test('only a toggle may stand without a value, and then it is on', () => {
  for (const [name, { schema, bare }] of cases) {
    if (name === 'toggle') assert.equal(schema.parse(bare), true);
    else assert.equal(bare, undefined, name);
  }
});
