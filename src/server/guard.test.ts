import assert from 'node:assert/strict';
import { test } from 'node:test';

import { guard, type RequestHead } from './guard.js';

function refusal(headers: Record<string, string>, changes: Partial<RequestHead> = {}) {
  const all = { Host: 'a', ...headers };
  const request = {
    httpVersionMajor: 1,
    httpVersionMinor: 1,
    rawHeaders: Object.entries(all).flat(),
    headers: Object.fromEntries(
      Object.entries(all).map(([name, value]) => [name.toLowerCase(), value]),
    ),
    ...changes,
  };
  return guard(request, 100)?.code;
}

test('an ordinary request passes', () => {
  assert.equal(refusal({ 'Content-Length': '100' }), undefined);
  assert.equal(refusal({ 'Transfer-Encoding': 'Chunked' }), undefined);
});

test('two Host headers are refused, however they are spelled', () => {
  assert.equal(refusal({}, { rawHeaders: ['Host', 'a', 'hOST', 'a'] }), 'malformed_request');
});

test('HTTP/1.1 needs a Host header and HTTP/1.0 does not', () => {
  assert.equal(refusal({}, { rawHeaders: [] }), 'malformed_request');
  assert.equal(refusal({}, { rawHeaders: [], httpVersionMinor: 0 }), undefined);
});

test('a transfer encoding other than chunked is refused', () => {
  assert.equal(refusal({ 'Transfer-Encoding': 'identity, chunked' }), 'malformed_request');
});

test('HTTP/0.9 is refused', () => {
  assert.equal(refusal({}, { httpVersionMajor: 0, httpVersionMinor: 9 }), 'malformed_request');
});

test('a stated length above the limit is refused at the header', () => {
  assert.equal(refusal({ 'Content-Length': '101' }), 'body_too_large');
});
