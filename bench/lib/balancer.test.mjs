// Does the balancer go round, pass everything on and count what each server said?

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { test } from 'node:test';

import { startBalancer } from './balancer.mjs';

/** A server that sends the body back under its name, with an x-cache of its own. */
async function echo(context, name, state) {
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    response.setHeader('x-cache', state);
    response.end(`${name} ${request.method} ${request.url} ${Buffer.concat(chunks)}`);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  context.after(() => server.close());
  return server.address().port;
}

test('requests go to the servers in turn, and x-cache is counted for each', async (context) => {
  const ports = [await echo(context, 'a', 'miss'), await echo(context, 'b', 'hit')];
  const balancer = await startBalancer(ports);
  const answers = [];
  for (let index = 0; index < 3; index++) {
    const url = `http://127.0.0.1:${balancer.port}/project/predict`;
    answers.push(await (await fetch(url, { method: 'POST', body: String(index) })).text());
  }
  await balancer.close();
  assert.deepEqual(answers, [
    'a POST /project/predict 0',
    'b POST /project/predict 1',
    'a POST /project/predict 2',
  ]);
  assert.deepEqual([balancer.counts[0].miss, balancer.counts[1].hit], [2, 1]);
});

test('a server that is gone is a 502', async () => {
  const balancer = await startBalancer([1]);
  const { status } = await fetch(`http://127.0.0.1:${balancer.port}/`);
  await balancer.close();
  assert.equal(status, 502);
});
