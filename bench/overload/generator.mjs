// An open loop: requests are sent when they are due, whatever became of those before.
//
//   node bench/overload/generator.mjs < plan.json > answers.json
//
// A plan is `{url, patienceMs, phases: [{seconds, rate, words}]}`: so many requests a second, each a text of words that
// nobody sent before, `words` of them from the first to the second number. `connections` instead of a rate: a closed loop. A client that has waited for `patienceMs`
// goes away (0: it never does). Gives `[phase, sent, took, status]` for each request, in milliseconds from the start;
// status 0: the client went away, -1: the connection broke. A process of its own: what it is late by is not the server's.

import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

import { randomWords } from './words.mjs';

/** What is not answered by then is lost. */
const LOST_MS = 40_000;

const { url, patienceMs, phases } = JSON.parse(await read(process.stdin));
const { hostname, port, pathname } = new URL(url);
const agent = new http.Agent({ keepAlive: true, maxSockets: Infinity, scheduling: 'lifo' });
const answers = [];
const open = new Set();
const started = performance.now();

let planned = 0;
for (const [index, { seconds, rate, connections, words }] of phases.entries()) {
  if (connections !== undefined) {
    const loop = async () => {
      while (performance.now() - started < planned + seconds * 1000) await send(index, randomWords(words));
    };
    await Promise.all(Array.from({ length: connections }, loop));
    continue;
  }
  for (let sent = 0; sent < seconds * rate; sent++) {
    const due = planned + (sent / rate) * 1000;
    const early = due - (performance.now() - started);
    if (early > 1) await sleep(early);
    void send(index, randomWords(words));
  }
  planned += seconds * 1000;
}
while (open.size > 0) await sleep(20);
process.stdout.write(JSON.stringify(answers));

/** Resolves when it has ended, however. */
function send(phase, text) {
  const { promise, resolve } = deferred();
  const body = JSON.stringify(text);
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
  const sent = performance.now() - started;
  const request = http.request({ agent, hostname, port, path: pathname, method: 'POST', headers });
  let isGivenUp = false;
  const giveUp = () => {
    isGivenUp = true;
    request.destroy();
  };
  const timer = patienceMs > 0 ? setTimeout(giveUp, patienceMs) : undefined;
  const end = (status) => {
    if (!open.delete(request)) return;
    clearTimeout(timer);
    answers.push([phase, sent, performance.now() - started - sent, status]);
    resolve();
  };
  open.add(request);
  request.setTimeout(LOST_MS, () => request.destroy());
  request.on('response', (response) => {
    response.resume();
    response.on('end', () => end(response.statusCode));
    response.on('error', () => end(isGivenUp ? 0 : -1));
  });
  request.on('error', () => end(isGivenUp ? 0 : -1));
  request.end(body);
  return promise;
}

function deferred() {
  let resolve;
  const promise = new Promise((done) => (resolve = done));
  return { promise, resolve };
}

async function read(stream) {
  let text = '';
  for await (const chunk of stream) text += chunk;
  return text;
}
