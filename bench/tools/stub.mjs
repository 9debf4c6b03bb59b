// A server that answers the contract with constants: the ceiling of the load generator on a machine.
//
//   node bench/tools/stub.mjs --port 8080 [--delay-ms 5]
//
// Also what the benches themselves are tried against. GET /readyz is on the same port.

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

createServer(async (request, response) => {
  for await (const chunk of request) void chunk;
  if (delay > 0) await sleep(delay);
  response.setHeader('content-type', 'application/json');
  response.end(answer);
}).listen(Number(options.port), '127.0.0.1');
