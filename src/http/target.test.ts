import assert from 'node:assert/strict';
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { test } from 'node:test';

import Koa from 'koa';

import { pathOf } from './target.js';

const app = new Koa();

for (const [target, path] of [
  ['/process', '/process'],
  ['/process?a=/b', '/process'],
  ['/process#a', '/process'],
  ['//process', '//process'],
  ['/a%2fb', '/a%2fb'],
  ['/http://h/process', '/http://h/process'],
  ['http://h/process', '/process'],
  ['HTTP://h:8080/process?a#b', '/process'],
  ['https://user@h/process/x', '/process/x'],
  ['http://h', '/'],
  ['http://h?a=/b', '/'],
  ['*', '*'],
] as const) {
  test(`${target} asks for ${path}, as Koa reads it`, () => {
    const request = Object.assign(new IncomingMessage(new Socket()), { url: target });
    assert.equal(pathOf(request), path);
    assert.equal(app.createContext(request, new ServerResponse(request)).path, path);
  });
}
