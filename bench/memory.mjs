// `make memory`: what a service says it needs, and what it was seen to take.
//
//   node bench/memory.mjs [--profiles starter,challenge=DIRECTORY] [--precisions exact,int8] [--seconds 20]
//     [--limit none|need|1.1|512MiB]
//
// A profile is a name, or a name and the folder of its models. Each service gets 64 connections: first with bodies of a
// megabyte alone, until all that bodies may take is taken, then with long and short texts as well. Anonymous memory is what
// nothing but an end gives back; programs are the pages of Node.js and libraries, which run all the time. The kernel's
// high-water mark has the pages of weights that were being packed and of embedding tables, too, which it takes back.
//
// With `--limit` the service runs in a control group (root): of what it says it needs, a multiple of that, or a size. One
// of less than the need must be refused, any other must live.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { spawnOwned } from './lib/children.mjs';
import { memoryGroup } from './lib/control-group.mjs';
import { mebibytes, NOTHING, titled } from './lib/markdown.mjs';
import { ROOT } from './lib/paths.mjs';

const CONNECTIONS = 64;
const SAMPLE_MS = 10;
const MIB = 2 ** 20;
/** Latin letters, most of which are one byte, and some that make V8 keep two for each. */
const WORDS = 'what a film terrible news win free crypto merci 👍 schöne Grüße 你好'.split(' ');
/** Characters of a text whose JSON is just below the largest body. */
const LARGEST_TEXT = 700_000;

/** Grows to the longest that was asked for. */
let longText = '';

const { values } = parseArgs({
  options: {
    profiles: { type: 'string', default: 'starter' },
    precisions: { type: 'string', default: 'exact' },
    seconds: { type: 'string', default: '20' },
    limit: { type: 'string', default: 'none' },
  },
});

const rows = [];
for (const profile of values.profiles.split(','))
  for (const precision of values.precisions.split(',')) {
    rows.push(await measured(profile, precision));
    console.error(rows.at(-1).join(' | '));
  }
const head = [
  ...['Profile, precision', 'Stated', 'Seen', 'Stated ÷ seen', 'of it anonymous', 'High-water mark'],
  ...['Limit', 'Ends by the kernel', 'Answers by status'],
];
console.log(titled('Memory', head, rows).join('\n'));

async function measured(named, precision) {
  const [profile, folder] = named.split('=');
  const args = ['serve', profile, '--port', '0', '--admin-port', '0', '--max-body-size', '1MiB'];
  if (folder !== undefined) args.push('--models-dir', folder);
  args.push('--precision', precision);
  const need = values.limit === 'none' ? 0 : await statedBy(args);
  const limit = limitOf(values.limit, need);
  const group = limit > 0 ? memoryGroup(limit) : undefined;
  const service = start(args, group);
  try {
    const ready = await service.line('ready');
    const what = `${profile}, ${precision}`;
    if (ready === undefined) return [what, mebibytes(need), ...refused(limit)];
    const { needBytes } = await service.line('loading');
    const statuses = await load(ready.port, profile, Number(values.seconds) * 1000);
    const { anonymous, programs, highWater } = service.peaks();
    const seen = anonymous + programs;
    const ends = group ? String(group.figures().killed) : NOTHING;
    return [
      ...[what, mebibytes(needBytes), mebibytes(seen), (needBytes / seen).toFixed(2)],
      ...[mebibytes(anonymous), mebibytes(highWater), limit > 0 ? mebibytes(limit) : NOTHING, ends],
      JSON.stringify(statuses).replace(/["{}]/g, ''),
    ];
  } finally {
    await service.stop();
    await group?.remove();
  }
}

function refused(limit) {
  return [NOTHING, NOTHING, NOTHING, NOTHING, mebibytes(limit), '0', 'refused at start'];
}

/** What the service says it needs. */
async function statedBy(args) {
  const service = start(args);
  const { needBytes } = await service.line('loading');
  await service.stop();
  return needBytes;
}

function limitOf(text, need) {
  if (text === 'none') return 0;
  if (text === 'need') return need;
  const size = /^(\d+)MiB$/.exec(text);
  return Math.round(size === null ? need * Number(text) : Number(size[1]) * MIB);
}

/** A service, watched from its start. */
function start(args, group) {
  const own = [process.execPath, join(ROOT, 'dist/cli/main.js'), ...args];
  const [file, ...rest] = group ? group.wrap(own) : own;
  const child = spawnOwned(file, rest, { stdio: ['ignore', 'pipe', 'ignore'] });
  const exit = once(child, 'exit');
  const lines = new Map();
  const waiting = new Map();
  createInterface({ input: child.stdout }).on('line', (text) => {
    const line = JSON.parse(text);
    lines.set(line.msg, line);
    waiting.get(line.msg)?.(line);
  });
  const peaks = { anonymous: 0, programs: 0, highWater: 0 };
  const timer = setInterval(() => sample(child.pid, peaks), SAMPLE_MS);
  return {
    /** The line of the log with this message, once it is there; undefined if the service ends before. */
    line: (message) => {
      const coming = new Promise((resolve) => waiting.set(message, resolve));
      return lines.get(message) ?? Promise.race([coming, exit.then(() => undefined)]);
    },
    peaks: () => peaks,
    stop: async () => {
      clearInterval(timer);
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
      await exit;
    },
  };
}

function sample(pid, peaks) {
  let status;
  try {
    status = readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch {
    return;
  }
  const bytes = (field) => 1024 * Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0);
  peaks.anonymous = Math.max(peaks.anonymous, bytes('RssAnon'));
  peaks.highWater = Math.max(peaks.highWater, bytes('VmHWM'));
  // Before anything is mapped beside the programs; weights and tables are none of it.
  const mapped = bytes('RssFile');
  if (peaks.programs === 0 || mapped < 80 * MIB) peaks.programs = Math.max(peaks.programs, mapped);
}

/** Counts of answers by status. */
async function load(port, profile, ms) {
  const path = profile.includes('sentiment') ? '/predict' : '/process';
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const ends = performance.now() + ms;
  const statuses = {};
  let sent = 0;
  const next = () => {
    const largest = performance.now() < ends - ms / 2 || sent % 4 === 0;
    const text = `${(sent += 1)} ${textOf(largest ? LARGEST_TEXT : sent % 3 === 0 ? 4000 : 600)}`;
    return JSON.stringify(path === '/predict' ? { text: [text] } : text);
  };
  const connection = async () => {
    while (performance.now() < ends) {
      const status = await post(port, path, agent, next());
      statuses[status] = (statuses[status] ?? 0) + 1;
      // Who is refused comes back; without a pause only refusals would be measured.
      if (status !== 200) await sleep(50);
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, connection));
  agent.destroy();
  return statuses;
}

function textOf(characters) {
  while (longText.length < characters) longText += `${WORDS[longText.length % WORDS.length]} `;
  return longText.slice(0, characters);
}

function post(port, path, agent, body) {
  return new Promise((resolve) => {
    const headers = { 'content-length': Buffer.byteLength(body), accept: 'application/json' };
    const options = { host: '127.0.0.1', port, path, method: 'POST', agent, headers };
    const sending = request(options, (response) => {
      response.resume();
      response.once('end', () => resolve(response.statusCode));
      response.once('error', () => resolve('broken'));
    });
    sending.once('error', (error) => resolve(error.code));
    sending.end(body);
  });
}
