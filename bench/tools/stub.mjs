// A server that answers the contracts with constants: the ceiling of the load generator on a machine.
//
//   node bench/tools/stub.mjs --port 8080 [--delay-ms 5]
//
// Also what the benches themselves are tried against. GET /readyz is on the same port, and GET /health below any
// prefix. A path that ends with `predict` gets predictions, and x-cache says whether the same body came before.

import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { LABELS } from '../lib/contract.js';

const { values: options } = parseArgs({
  options: {
    port: { type: 'string', default: '8080' },
    'delay-ms': { type: 'string', default: '0' },
  },
});
const delay = Number(options['delay-ms']);
const answer = JSON.stringify(
  Object.fromEntries(
    Object.entries(LABELS).map(([model, labels]) => [model, { score: 0.5, label: labels[0] }]),
  ),
);

const prediction = [
  { label: 'POSITIVE', score: 0.71 },
  { label: 'NEGATIVE', score: 0.29 },
];
/** Bodies that came before, no more of them than a short run sends. */
const seen = new Set();
const MOST_SEEN = 100_000;

createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  if (delay > 0) await sleep(delay);
  response.setHeader('content-type', 'application/json');
  if (request.url.endsWith('predict')) return predict(Buffer.concat(chunks).toString(), response);
  response.end(request.url.endsWith('/health') ? '{"status":"healthy"}' : answer);
}).listen(Number(options.port), '127.0.0.1');

function predict(body, response) {
  response.setHeader('x-cache', seen.has(body) ? 'hit' : 'miss');
  if (seen.size < MOST_SEEN) seen.add(body);
  response.end(JSON.stringify({ predictions: JSON.parse(body).text.map(() => prediction) }));
}
