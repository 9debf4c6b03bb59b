// An open loop against `POST /prediction`: requests are sent when they are due, whatever became of those before; every answer
// is compared with the label that its text must get.
//
//   node bench/classic/open-loop.mjs URL ROWS RATE CONNECTIONS SECONDS > figures.json
//
// ROWS has {"text":…,"label":…} on each line. What finds none of so many connections free is not sent, and counts as dropped.
// It leaves more of the cores that it shares with the service than k6 does.

import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { Connections } from '../lib/connections.mjs';
import { percentile, sum } from '../lib/statistics.mjs';

const [url, file, ...numbers] = process.argv.slice(2);
const [rate, most, seconds] = numbers.map(Number);
const connections = new Connections(new URL(url), 0);
const rows = readFileSync(file, 'utf8')
  .split('\n')
  .filter(Boolean)
  .map((line) => {
    const { text, label } = JSON.parse(line);
    return {
      request: connections.requestOf(JSON.stringify({ text })),
      right: JSON.stringify({ label }),
    };
  });

const took = [];
const failedChecks = {};
let [answers, dropped, last] = [0, 0, 0];
const began = performance.now();
const elapsed = () => performance.now() - began;

for (let sent = 0; sent < rate * seconds; sent++) {
  const early = (sent / rate) * 1000 - elapsed();
  if (early > 1) await sleep(early);
  if (connections.open < most) void ask(rows[sent % rows.length]);
  else dropped += 1;
}
await connections.idle();
const failed = sum(Object.values(failedChecks));
const spent = last / 1000;
const latencyMs = Object.fromEntries(
  [
    ['med', 0.5],
    ['p(95)', 0.95],
    ['p(99)', 0.99],
  ].map(([name, share]) => [name, percentile(took, share) ?? Infinity]),
);
const figures = { answers, seconds: spent, requestsPerSecond: answers / spent, latencyMs };
const written = JSON.stringify({ ...figures, failed, failedChecks, dropped });
// Not when the service closes the connections, which it keeps for longer than this takes.
process.stdout.write(written, () => process.exit());

async function ask({ request, right }) {
  const sent = elapsed();
  const { status, body } = await connections.send(request);
  last = elapsed();
  answers += 1;
  took.push(last - sent);
  if (status !== 200) count('prediction: status is 200');
  else if (body !== right) count('prediction: the label is right');
}

function count(check) {
  failedChecks[check] = (failedChecks[check] ?? 0) + 1;
}
