// `make trace`: where the time of a request goes at 1, 10 and 64 connections, as a picture.
//
//   node bench/trace.mjs [--target synthetic] [--texts k6_payloads] [--seconds 15]
//
// Sends a closed loop and reads from every answer's Server-Timing header how long the request was
// tokenized, waited and was computed; the rest of the time that the service had it is HTTP and the bridge.
// Writes docs/request-time.svg and prints the medians.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { Agent, request as send } from 'node:http';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { BENCH, ROOT } from './lib/paths.mjs';
import { startServer, stopServer } from './lib/server.mjs';
import { median } from './lib/statistics.mjs';
import { TARGETS } from './lib/targets.mjs';
import { textSet } from './lib/texts.mjs';
import { PARTS, timeline } from './lib/timeline.mjs';

const WORK = join(BENCH, '.work');
const CONNECTIONS = [1, 10, 64];
const PICTURE = join(ROOT, 'docs', 'request-time.svg');

async function main() {
  const { values } = parseArgs({
    options: {
      target: { type: 'string', default: 'synthetic' },
      texts: { type: 'string', default: 'k6_payloads' },
      seconds: { type: 'string', default: '15' },
    },
  });
  const target = TARGETS[values.target];
  if (target === undefined) throw new Error(`unknown target ${values.target}`);
  mkdirSync(WORK, { recursive: true });
  const { path } = textSet(values.texts, WORK);
  const bodies = readFileSync(path, 'utf8').split('\n').filter(Boolean);
  const server = await startServer(target.command, join(WORK, 'trace.log'));
  const panels = [];
  try {
    for (const connections of CONNECTIONS) {
      const requests = await closedLoop(server.url, bodies, connections, Number(values.seconds));
      panels.push({ connections, requests });
      print(connections, requests);
    }
  } finally {
    await stopServer(server);
  }
  writeFileSync(PICTURE, timeline(panels, `${target.what}, ${values.texts}`));
  console.log(`wrote ${PICTURE}`);
}

/** Requests in the order in which they began: `{connection, start, end, parts}` in milliseconds. */
async function closedLoop(url, bodies, connections, seconds) {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const start = performance.now();
  const requests = [];
  let next = 0;
  const client = async (connection) => {
    while (performance.now() - start < seconds * 1000) {
      const began = performance.now() - start;
      const parts = await post(url, bodies[next++ % bodies.length], agent);
      requests.push({ connection, start: began, end: performance.now() - start, parts });
    }
  };
  await Promise.all(Array.from({ length: connections }, (_, connection) => client(connection)));
  agent.destroy();
  return requests.toSorted((a, b) => a.start - b.start);
}

/** Sends one text; gives the parts of its time. */
function post(url, body, agent) {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json' };
    const request = send(url, { method: 'POST', agent, headers }, (response) => {
      response.resume();
      response.once('end', () => {
        if (response.statusCode === 200) resolve(partsOf(response.headers['server-timing']));
        else reject(new Error(`the service answered ${response.statusCode}`));
      });
    });
    request.once('error', reject);
    request.end(body);
  });
}

/** `a;dur=1.5, b;dur=2` as `{a: 1.5, b: 2}`, with what the total leaves as `http`. */
function partsOf(header) {
  const entries = header.split(', ').map((entry) => entry.split(';dur='));
  const { total, ...parts } = Object.fromEntries(entries.map(([name, ms]) => [name, Number(ms)]));
  const inEngine = Object.values(parts).reduce((sum, part) => sum + part, 0);
  return { ...parts, http: Math.max(0, total - inEngine) };
}

function print(connections, requests) {
  const cells = Object.keys(PARTS).map((part) => {
    const time = median(requests.map(({ parts }) => parts[part]));
    return `${part} ${time.toFixed(2)} ms`;
  });
  console.log(`${connections} connections, ${requests.length} requests: ${cells.join(', ')}`);
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
