// One server under measurement: started on loopback, watched, stopped by its own process id.
//
// Memory is read from /proc for the process and all its children, so that a launcher or a pool of
// workers counts in full. A server's own output goes to a log file, shown when it fails.

import { once } from 'node:events';
import { openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import { spawnOwned } from './children.mjs';
import { sum } from './statistics.mjs';

const READY_WITHIN_MS = 300_000;
const STOP_WITHIN_MS = 60_000;
const POLL_MS = 10;
/** What Linux counts CPU time in, on every machine (USER_HZ). */
const TICKS_PER_SECOND = 100;

/**
 * Starts `command` and resolves when it is ready, with `readyMs` from start to ready.
 *
 * @param command called with free ports, gives `{file, args, env, ready}`; see targets.mjs. `detached: false`: it leads no
 * session of its own, and the kernel weighs its threads against those of others here (sched_autogroup, sched(7))
 */
export async function startServer(command, logFile) {
  const [port, adminPort] = await freePorts(2);
  const { file, args, env, ready, detached = true } = command({ port, adminPort });
  const log = openSync(logFile, 'w');
  const started = performance.now();
  const child = spawnOwned(file, args, {
    stdio: ['ignore', log, log],
    env: { ...process.env, ...env },
    detached,
  });
  const url = `http://127.0.0.1:${port}/process`;
  const adminUrl = `http://127.0.0.1:${adminPort}`;
  const server = { child, logFile, port, url, adminUrl, readyMs: 0 };
  try {
    await untilReady(server, ready);
  } catch (error) {
    await stopServer(server);
    throw new Error(`${error.message}\n${readFileSync(logFile, 'utf8').slice(-2000)}`);
  }
  server.readyMs = performance.now() - started;
  return server;
}

/**
 * Starts `count` servers of a command, each with a log file of its own, and calls `use` with them; they are ended
 * whatever happens.
 *
 * @param logFile called with the index of each
 */
export async function withStarted(command, count, logFile, use) {
  const servers = [];
  try {
    for (let index = 0; index < count; index++)
      servers.push(await startServer(command, logFile(index)));
    return await use(servers);
  } finally {
    await Promise.all(servers.map(stopServer));
  }
}

/** Asks the server to end, and ends it where it does not within a minute. */
export async function stopServer({ child }) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS);
  await exit;
  clearTimeout(timer);
}

/** Has a server that lets itself be told (`--reload-other`) serve another profile or precision; throws unless it does. */
export async function reload({ adminUrl }, profile, precision) {
  const query = new URLSearchParams({ profile, precision });
  const response = await fetch(`${adminUrl}/reload?${query}`, { method: 'POST' });
  const body = await response.text();
  if (!response.ok) throw new Error(`the reload was answered ${response.status}: ${body}`);
}

/** Resident memory of the process tree in bytes: now, and at most since the last `resetPeak`. */
export function memory({ child }) {
  const total = { now: 0, peak: 0 };
  for (const pid of tree(child.pid)) {
    const status = read(`/proc/${pid}/status`);
    total.now += field(status, 'VmRSS');
    total.peak += field(status, 'VmHWM');
  }
  return total;
}

/** CPU time that the process tree has taken since it started, in seconds; right to hundredths. */
export function cpuSeconds({ child }) {
  const ticks = tree(child.pid).map((pid) => {
    const [utime = 0, stime = 0] = statFields(pid).slice(11);
    return Number(utime) + Number(stime);
  });
  return sum(ticks) / TICKS_PER_SECOND;
}

export function resetPeak({ child }) {
  for (const pid of tree(child.pid)) {
    try {
      writeFileSync(`/proc/${pid}/clear_refs`, '5');
    } catch {
      // Not allowed here: the peak then counts from the server's start.
    }
  }
}

async function untilReady({ child }, url) {
  let failure = null;
  child.once('error', (error) => (failure = error));
  const deadline = performance.now() + READY_WITHIN_MS;
  while (performance.now() < deadline) {
    if (failure) throw failure;
    if (child.exitCode !== null)
      throw new Error(`the server ended with ${child.exitCode} before it was ready`);
    const response = await fetch(url).catch(() => null);
    await response?.arrayBuffer();
    if (response?.ok) return;
    await sleep(POLL_MS);
  }
  throw new Error(`the server was not ready within ${READY_WITHIN_MS / 1000} s`);
}

/** Ports of loopback that nothing listens on. */
export async function freePorts(count) {
  const holders = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(holders.map((holder) => once(holder, 'listening')));
  const ports = holders.map((holder) => holder.address().port);
  await Promise.all(holders.map((holder) => once(holder.close(), 'close')));
  return ports;
}

function tree(root) {
  const children = new Map();
  for (const pid of readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)) {
    const parent = Number(statFields(pid)[1]);
    children.set(parent, [...(children.get(parent) ?? []), pid]);
  }
  const all = [root];
  for (const pid of all) all.push(...(children.get(pid) ?? []));
  return all;
}

/** The fields of /proc/PID/stat from the state on; proc(5) counts that as the third. None where it has ended. */
function statFields(pid) {
  // The command's name is in parentheses and may hold blanks: what counts follows the last one.
  return read(`/proc/${pid}/stat`).split(') ').at(-1).split(' ');
}

function field(status, name) {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) * 1024;
}

function read(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
