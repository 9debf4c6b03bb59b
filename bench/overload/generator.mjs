// An open loop: requests are sent when they are due, whatever became of those before.
//
//   node bench/overload/generator.mjs < plan.json > answers.json
//
// A plan is `{url, patienceMs, phases: [{seconds, rate, words}]}`: so many requests a second, each a text of words that
// nobody sent before, `words` of them from the first to the second number. `connections` instead of a rate: a closed
// loop. A client that has waited for `patienceMs` goes away (0: it never does). Gives `[phase, sent, took, status]` for
// each request, in milliseconds from the start; status 0: the client went away, -1: the connection broke.
//
// A process of its own: what it is late by is not the server's. All of an open loop's requests are written before the
// first is sent, and sockets are spoken to directly, for the generator shares its cores with the service.

import { setTimeout as sleep } from 'node:timers/promises';

import { Connections } from '../lib/connections.mjs';
import { randomWords } from '../lib/words.mjs';

const { url, patienceMs, phases } = JSON.parse(await read(process.stdin));
const connections = new Connections(new URL(url), patienceMs);
const prepared = phases.map(({ seconds, rate, words }) =>
  Array.from({ length: rate === undefined ? 0 : Math.floor(seconds * rate) }, () => requestOf(words)),
);
const answers = [];
const started = performance.now();

let planned = 0;
for (const [index, { seconds, rate, connections: count, words }] of phases.entries()) {
  if (rate === undefined) {
    const loop = async () => {
      while (performance.now() - started < planned + seconds * 1000) await send(index, requestOf(words));
    };
    await Promise.all(Array.from({ length: count }, loop));
    continue;
  }
  for (const [sent, request] of prepared[index].entries()) {
    const due = planned + (sent / rate) * 1000;
    const early = due - (performance.now() - started);
    if (early > 1) await sleep(early);
    void send(index, request);
  }
  planned += seconds * 1000;
}
await connections.idle();
process.stdout.write(JSON.stringify(answers), () => process.exit());

function requestOf(words) {
  return connections.requestOf(JSON.stringify(randomWords(words)));
}

async function send(phase, request) {
  const sent = performance.now() - started;
  const { status } = await connections.send(request);
  answers.push([phase, sent, performance.now() - started - sent, status]);
}

async function read(stream) {
  let text = '';
  for await (const chunk of stream) text += chunk;
  return text;
}
