// What the storms have in common: k6 that asks all the time, what happens meanwhile, and the table of it.

import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { haproxyBefore } from '../lib/haproxy.mjs';
import { runForFigures } from '../lib/k6.mjs';
import { describeMachine } from '../lib/machine.mjs';
import { titled, writeResults } from '../lib/markdown.mjs';
import { BENCH, ROOT } from '../lib/paths.mjs';
import { startServer, stopServer, withStarted } from '../lib/server.mjs';

export const MAIN = join(ROOT, 'dist', 'cli', 'main.js');
export const MODELS = join(ROOT, 'models', 'retrieval-starter');
export const CORPUS = join(MODELS, 'corpus.jsonl');
/** Between two things that happen. */
export const PAUSE_MS = 3000;
const RELOADS = 10;
const SERVED_WITHIN_MS = 20_000;
const CONNECTIONS = 10;

export class Storm {
  /** The replicas that run, by their place; HAProxy knows their ports. */
  replicas = [];
  rows = [];
  #isOver = false;
  #beganAt = 0;

  /** `where`: the flags that say where the index is. */
  constructor(work, where) {
    this.work = work;
    this.where = where;
    writeFileSync(
      join(work, 'queries.jsonl'),
      readFileSync(join(MODELS, 'paraphrases', 'test.tsv'), 'utf8')
        .split('\n')
        .filter(Boolean)
        .map((line) => `${JSON.stringify({ text: line.split('\t')[1] })}\n`)
        .join(''),
    );
  }

  /** Two replicas behind HAProxy, which sends a request on whose replica is gone; asks for so long while `happen` goes on. */
  async run(seconds, happen) {
    try {
      for (let place = 0; place < 2; place++) await this.startReplica(place);
      const ports = this.replicas.map(({ port }) => port);
      const balancer = haproxyBefore(ports, join(this.work, 'haproxy'));
      const log = () => join(this.work, 'haproxy.log');
      return await withStarted(balancer, 1, log, async ([{ port, child }]) => {
        const load = runForFigures(
          join(BENCH, 'retrieval', 'load.js'),
          {
            TARGET: `http://127.0.0.1:${port}/process`,
            TEXTS: join(this.work, 'queries.jsonl'),
            ...{ VUS: String(CONNECTIONS), DURATION: `${seconds}s` },
          },
          this.work,
        );
        const ended = load.finally(() => (this.#isOver = true));
        this.#beganAt = performance.now();
        await sleep(PAUSE_MS);
        this.gateway = child;
        await happen();
        if (this.#isOver) throw new Error('the load ended before all had happened');
        return await ended;
      });
    } finally {
      await Promise.all(this.replicas.map(stopServer));
    }
  }

  /** Does something, and says when, and how long it took. */
  async happens(what, doIt) {
    const begun = performance.now();
    const note = (await doIt()) ?? 'done';
    const seconds = (from, to) => `${((to - from) / 1000).toFixed(1)} s`;
    this.rows.push([what, seconds(this.#beganAt, begun), seconds(begun, performance.now()), note]);
    console.error(this.rows.at(-1).join(' | '));
    await sleep(PAUSE_MS);
  }

  /** Several times: what it may cost is a race. */
  async reloadGateway() {
    for (let time = 0; time < RELOADS; time++) {
      process.kill(this.gateway.pid, 'SIGUSR2');
      await sleep(1000);
    }
  }

  async killAndStartReplica(place) {
    const { child, port } = this.replicas[place];
    process.kill(child.pid, 'SIGKILL');
    await sleep(PAUSE_MS);
    await this.startReplica(place, port);
  }

  async startReplica(place, own) {
    const command = ({ port, adminPort }) => ({
      file: process.execPath,
      args: [
        ...[MAIN, 'serve', 'retrieval-starter', ...this.where, '--log-level', 'warn'],
        ...['--port', String(own ?? port), '--admin-port', String(adminPort)],
      ],
      env: {},
      ready: `http://127.0.0.1:${adminPort}/readyz`,
    });
    const log = join(this.work, `replica-${place}${own === undefined ? '' : '-again'}.log`);
    this.replicas[place] = await startServer(command, log);
  }

  /** `chorus index`; `more` flags come last. */
  index(args, { more = this.where, mayFail = false } = {}) {
    const all = [MAIN, 'index', ...args, ...more];
    const ended = spawnSync(process.execPath, all, { encoding: 'utf8' });
    if (ended.status !== 0 && !mayFail) throw new Error(ended.stderr);
    return ended;
  }

  /** Resolves when every replica serves it. */
  served(generation) {
    return this.shown(`chorus_index_info{generation="${generation}"} 1`);
  }

  /** Resolves when the metrics of every replica have the line. */
  shown(line) {
    return until(async () => (await this.metrics()).every((text) => text.includes(line)));
  }

  /** A connection that was closed while a command was waited for is no metrics: it is asked again. */
  metrics() {
    return Promise.all(
      this.replicas.map(async ({ adminUrl }) => {
        const response = await fetch(`${adminUrl}/metrics`).catch(() => undefined);
        return (await response?.text()) ?? '';
      }),
    );
  }

  conclude({ answers, failed, failedChecks, latencyMs, requestsPerSecond }, { script, markers, of }) {
    const text = [
      `Measured ${new Date().toISOString().slice(0, 10)}: \`node bench/retrieval/${script}\`, ${of}, ${CONNECTIONS} connections`,
      '',
      ...describeMachine(),
      '',
      `**${failed} of ${answers} requests failed** (${Math.round(requestsPerSecond)} a second, p99 ${latencyMs['p(99)'].toFixed(1)} ms, all of it on two cores).`,
      '',
      ...titled('What happened meanwhile', ['What', 'After', 'Took', 'Outcome'], this.rows),
    ].join('\n');
    console.log(`\n${text}`);
    writeResults(join(BENCH, 'RESULTS.md'), text, markers);
    if (failed === 0) return;
    console.error(failedChecks);
    process.exitCode = 1;
  }
}

async function until(holds) {
  const end = performance.now() + SERVED_WITHIN_MS;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error('it did not come about in time');
    await sleep(20);
  }
}
