/**
 * Keys and a certificate with the real command: made, shown, changed while it runs.
 */

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { Authority, replace } from '../testing/certificates.js';
import { runChorus } from '../testing/chorus-process.js';
import { folderFor } from '../testing/folder.js';
import { parseAnswer, received } from '../testing/raw-socket.js';
import { until } from '../testing/until.js';
import { startChorus } from './running-chorus.js';

test('keys and certificate are taken over while it runs, and no key is ever printed', async (context) => {
  const folder = folderFor(context);
  const file = join(folder, 'keys');
  const newKey = async (name: string) =>
    (await runChorus(['keys', 'new', name, '--file', file])).stdout.trim();
  const web = await newKey('web');
  const authority = new Authority(folder);
  const pair = authority.pair('first');
  const tls = ['--tls-cert-file', pair.cert, '--tls-key-file', pair.key];
  const flags = [...tls, '--api-keys-file', file, '--log-level', 'debug'];
  const { process, port } = await startChorus(flags);
  context.after(() => {
    process.signal('SIGKILL');
  });
  const ask = async (key: string) => {
    const socket = await authority.connect(port);
    const { CN } = socket.getPeerCertificate().subject;
    const head = `Host: a\r\nConnection: close\r\nx-api-key: ${key}\r\nContent-Length: 12`;
    socket.write(`POST /process HTTP/1.1\r\n${head}\r\n\r\n"A fine day"`);
    const { status, body } = parseAnswer(await received(socket));
    return { status, body, shows: CN };
  };
  const first = await ask(web);
  assert.deepEqual([first.status, first.shows], [200, 'first']);
  assert.match(first.body, /"cardiffnlp"/);
  assert.equal((await ask('a-wrong-key')).status, 401);

  writeFileSync(file, '');
  const phone = await newKey('phone');
  replace(pair, authority.pair('second'));
  process.signal('SIGHUP');
  await until(async () => (await ask(phone)).status === 200, 'the new key is known');
  await until(async () => (await ask(phone)).shows === 'second', 'the new certificate is shown');
  assert.equal((await ask(web)).status, 401);
  process.signal('SIGTERM');
  const { code, stdout, stderr } = await process.finished();
  assert.equal(code, 0);
  for (const secret of [web, phone, 'a-wrong-key']) assert.ok(!(stdout + stderr).includes(secret));
  assert.match(stdout, /"key":"phone"/);
  assert.match(stderr, new RegExp(`POST https://localhost:${port}/process`));
});
