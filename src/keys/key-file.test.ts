import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';

import { StartError } from '../start-error.js';
import { keyringOf } from './key-file.js';
import { newKey } from './new-key.js';

const hashOf = (key: string) => createHash('sha256').update(key).digest('hex');

function faultsOf(text: string): readonly string[] {
  try {
    keyringOf('keys', text);
  } catch (error) {
    assert.ok(error instanceof StartError);
    return error.lines;
  }
  return [];
}

test('a key is known by the name of its line, and no other is', () => {
  const [web, phone] = [newKey('web'), newKey('phone')];
  const keyring = keyringOf('keys', `# ours\r\n\r\n${web.line}\r\n  ${phone.line}  \n`);
  assert.deepEqual(keyring.names, ['web', 'phone']);
  assert.equal(keyring.nameOf(web.key), 'web');
  assert.equal(keyring.nameOf(phone.key), 'phone');
  for (const wrong of ['', web.key.slice(1), `${web.key} `, hashOf(web.key), 'x'.repeat(8000)]) {
    assert.equal(keyring.nameOf(wrong), undefined);
  }
});

test('a hash is what sha256sum prints', () => {
  const keyring = keyringOf('keys', `own:sha256:${hashOf('a key of my own').toUpperCase()}`);
  assert.equal(keyring.nameOf('a key of my own'), 'own');
});

test('two keys may have one name, while one takes the place of the other', () => {
  const [old, next] = [newKey('web'), newKey('web')];
  const keyring = keyringOf('keys', `${old.line}\n${next.line}\n`);
  assert.deepEqual(keyring.names, ['web']);
  assert.deepEqual([keyring.nameOf(old.key), keyring.nameOf(next.key)], ['web', 'web']);
});

test('keys that are made differ, and have 256 bits behind a prefix', () => {
  const keys = new Set(Array.from({ length: 100 }, () => newKey('a').key));
  assert.equal(keys.size, 100);
  for (const key of keys) assert.match(key, /^chorus_[\w-]{43}$/);
});

test('every fault is told by its line, and nothing of what stands there', () => {
  const { line, key } = newKey('web');
  const secret = 'hunter2-the-very-secret';
  const text = [line, secret, key, `web:md5:${hashOf(key)}`, `${secret}!:${line.slice(4)}`, line];
  const form = 'must be NAME:sha256:HEX with 64 hexadecimal digits, as chorus keys new prints it';
  const faults = faultsOf(text.join('\n'));
  assert.deepEqual(faults, [
    `keys:2: ${form}`,
    `keys:3: ${form}`,
    `keys:4: ${form}`,
    'keys:5: the name must be letters, digits, ".", "_" and "-", at most 64, the first a letter or a digit',
    'keys:6: is the key of line 1 again',
  ]);
  assert.doesNotMatch(faults.join(), /hunter2|chorus_/);
});

test('a file without a key is refused, and one with more than may be', () => {
  for (const text of ['', '\n', '# none yet\n'])
    assert.deepEqual(faultsOf(text), ['keys: has no key']);
  const many = Array.from({ length: 257 }, (_, at) => newKey(`k${at}`).line).join('\n');
  assert.deepEqual(faultsOf(many), ['keys: has 257 keys; it may have 256']);
});
