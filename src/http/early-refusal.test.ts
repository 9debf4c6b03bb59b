import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test, type TestContext } from 'node:test';

import { ServiceError } from '../errors/service-error.js';
import { fakeEngine } from '../testing/fake-engine.js';
import { received } from '../testing/raw-socket.js';
import { startTestService } from '../testing/test-service.js';

/** A header whose body does not come. */
const HEAD = 'POST /process HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\n';

/** A service with so many requests open, whose engine would refuse another. */
async function busy(context: TestContext, open: number, flags: readonly string[]) {
  const engine = fakeEngine();
  const service = await startTestService(context, engine, flags);
  const { release, asked } = engine.hold();
  const answers = Array.from({ length: open }, () => service.post('"a"'));
  if (open > 0) await asked(open);
  engine.refusal = () => new ServiceError('queue_wait', 'Too long.');
  context.after(async () => {
    release();
    await Promise.all(answers);
  });
  return service;
}

/** What comes back to a header within a moment. */
async function early(port: number): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.write(HEAD);
  setTimeout(() => socket.destroy(), 300);
  return received(socket);
}

test('once many are open, who would wait too long is told so before the body comes', async (context) => {
  const { port, metrics } = await busy(context, 40, ['--cache-size', '0']);
  assert.match(await early(port), /^HTTP\/1\.1 503 [\s\S]*"reason":"queue_wait"/);
  assert.match(await metrics(), /^chorus_requests_shed_total\{reason="queue_wait"\} 1$/m);
});

test('while few are open, the body is read first', async (context) => {
  const { port } = await busy(context, 0, ['--cache-size', '0']);
  assert.doesNotMatch(await early(port), /queue_wait/);
});

test('where answers are kept, one may be there, and the body is read', async (context) => {
  const { port } = await busy(context, 40, []);
  assert.doesNotMatch(await early(port), /queue_wait/);
});
