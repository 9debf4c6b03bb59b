import assert from 'node:assert/strict';
import { test } from 'node:test';

import { nameOf, placeOf } from './redis-url.js';

const plain = {
  kind: 'server',
  nodes: [{ host: 'cache', port: 6379 }],
  isEncrypted: false,
  username: '',
  password: '',
  name: '',
  database: 0,
};

for (const [url, expected] of [
  ['redis://cache', plain],
  ['redis://cache:6379/', plain],
  ['redis://:word@cache/2', { ...plain, password: 'word', database: 2 }],
  ['rediss://me:a%40b@cache', { ...plain, isEncrypted: true, username: 'me', password: 'a@b' }],
  ['redis://[::1]:7000', { ...plain, nodes: [{ host: '::1', port: 7000 }] }],
  [
    'redis+sentinel://a,b:1/main/3',
    {
      ...plain,
      kind: 'sentinel',
      nodes: [
        { host: 'a', port: 26_379 },
        { host: 'b', port: 1 },
      ],
      name: 'main',
      database: 3,
    },
  ],
  ['rediss+cluster://cache', { ...plain, kind: 'cluster', isEncrypted: true }],
  [
    'redis://me:w?r#d@café_1',
    { ...plain, nodes: [{ host: 'café_1', port: 6379 }], username: 'me', password: 'w?r#d' },
  ],
] as const) {
  test(`${url} is understood`, () => {
    assert.deepEqual(placeOf(url, ''), expected);
  });
}

test('a password of its own wins over that of the URL, and no message has either', () => {
  assert.equal(placeOf('redis://:word@cache', 'another').password, 'another');
  assert.equal(nameOf(placeOf('redis://me:word@a:1', 'another')), 'a:1');
});

for (const [url, problem] of [
  ['redis://', 'is not a URL of Redis'],
  ['redis://a,b', 'names several servers; redis+sentinel or redis+cluster takes them'],
  ['redis://a/b', 'ends with something else than a database, such as /0'],
  ['redis://a/0/1', 'ends with something else than a database, such as /0'],
  ['redis://a:70000', 'names a server as something else than host:port'],
  ['redis://:%zz@a', 'has a "%" in its user or password that is no escape; write it as %25'],
  [
    'redis://127.0.0.1?db=1',
    'has a query ("?…"), which nothing reads; a database is written as /1',
  ],
  ['redis://a/?db=1', 'has a query ("?…"), which nothing reads; a database is written as /1'],
  [
    'redis://:w?rd@a/0?db=1',
    'has a query ("?…"), which nothing reads; a database is written as /1',
  ],
  [
    'redis+sentinel://a/main?db=1',
    'has a query ("?…"), which nothing reads; a database is written as /1',
  ],
  ['redis://h#x', 'has a fragment ("#…"), which nothing reads'],
  ['redis+cluster://a,b#x?y', 'has a fragment ("#…"), which nothing reads'],
  ['redis://a;b', 'names a server as something else than host:port'],
  ['redis://a b', 'names a server as something else than host:port'],
  ['redis://[1]', 'names a server as something else than host:port'],
  [
    'redis+sentinel://a/ma%69n',
    'calls the server something that Sentinels do not; its name has letters, digits, ".", "_" and "-"',
  ],
  ['redis+sentinel://a', 'lacks the name that Sentinels know the server by'],
  ['redis+cluster://a/1', 'names a database of a cluster'],
] as const) {
  test(`${url} ${problem}`, () => {
    assert.throws(() => placeOf(url, ''), new Error(problem));
  });
}
