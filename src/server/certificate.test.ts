/**
 * Certificates: taken over while the service runs, or refused.
 */

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TLSSocket } from 'node:tls';

import { Authority, replace, type Pair } from '../testing/certificates.js';
import { fakeEngine } from '../testing/fake-engine.js';
import { folderFor } from '../testing/folder.js';
import { parseAnswer, received } from '../testing/raw-socket.js';
import { startTestService } from '../testing/test-service.js';
import { startTlsService as start } from '../testing/tls-service.js';
import { until } from '../testing/until.js';

const LAST =
  'POST /process HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 3\r\n\r\n"a"';

const nameOf = (socket: TLSSocket) => socket.getPeerCertificate().subject.CN;

test('a new certificate is shown after a reload, and connections that stand go on', async (context) => {
  const { authority, pair, open, reload, metrics } = await start(context);
  const before = await open();
  assert.equal(nameOf(before), 'first');
  replace(pair, authority.pair('second', 90));
  assert.equal((await reload()).status, 200);
  const after = await open();
  assert.equal(nameOf(after), 'second');
  for (const socket of [before, after]) {
    socket.write(LAST);
    assert.equal(parseAnswer(await received(socket)).status, 200);
  }
  assert.match(
    await metrics(),
    /^chorus_files_read_total\{read="certificate",outcome="done"\} 1$/m,
  );
});

test('it is shown without a reload, too, once both files are there', async (context) => {
  const { authority, pair, open, metrics } = await start(context);
  const second = authority.pair('second');
  writeFileSync(pair.cert, readFileSync(second.cert));
  writeFileSync(pair.key, readFileSync(second.key));
  const shown = async () => {
    const socket = await open();
    const name = nameOf(socket);
    socket.destroy();
    return name === 'second';
  };
  await until(shown, 'the new certificate is shown');
  assert.match(
    await metrics(),
    /^chorus_files_read_total\{read="certificate",outcome="failed"\} 0$/m,
  );
});

test('a pair that does not fit leaves the old one, and says what is wrong but not what stands there', async (context) => {
  const { authority, pair, exchange, reload, log } = await start(context);
  const other = authority.pair('other');
  const key = readFileSync(other.key, 'utf8');
  const faults = [
    [key, 'the key of --tls-key-file is not that of the first certificate of --tls-cert-file.'],
    [key.slice(0, 90), '--tls-key-file has no private key in PEM, or one with a passphrase'],
  ] as const;
  for (const [text, fault] of faults) {
    writeFileSync(pair.key, text);
    const { status, detail } = await reload();
    assert.equal(status, 422);
    assert.ok(detail.includes(fault), detail);
    assert.ok(!`${detail}${log()}`.includes(key.slice(40, 80)));
  }
  writeFileSync(pair.cert, 'x');
  assert.match((await reload()).detail, /--tls-cert-file has no certificate in PEM/);
  assert.equal(parseAnswer(await exchange(LAST)).status, 200);
});

test('a service does not start with a pair that does not fit', async (context) => {
  const folder = folderFor(context);
  const authority = new Authority(folder);
  const [one, other] = [authority.pair('one'), authority.pair('other')];
  const flags = ['--tls-cert-file', one.cert, '--tls-key-file', other.key];
  await assert.rejects(startTestService(context, fakeEngine(), flags), {
    lines: ['the key of --tls-key-file is not that of the first certificate of --tls-cert-file.'],
  });
  const missing = ['--tls-cert-file', one.cert, '--tls-key-file', join(folder, 'none')];
  await assert.rejects(startTestService(context, fakeEngine(), missing), /cannot read .*ENOENT/);
});

test('where clients need a certificate, one that the authority has signed gets in', async (context) => {
  const { authority, exchange } = await start(context, [], { asksClients: true });
  const read = ({ cert, key }: Pair) => ({
    cert: readFileSync(cert),
    key: readFileSync(key),
  });
  const client = authority.pair('client');
  assert.equal(parseAnswer(await exchange(LAST, read(client))).status, 200);
  const stranger = new Authority(folderFor(context)).pair('stranger');
  for (const options of [{}, read(stranger)]) assert.equal(await exchange(LAST, options), '');
});
