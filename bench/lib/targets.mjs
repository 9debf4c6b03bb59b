// What can be measured: how each server is started, on which path it says that it is ready, which models
// its answers have and in which precision. Nothing here starts or makes anything before `setup` (once, may
// take minutes) and `command` (with free ports) are called.

import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { MODELS } from './contract.js';
import { BENCH, ROOT, syntheticDir } from './paths.mjs';
import { CHECKPOINTS, PEERS } from './peers.mjs';

const CHALLENGE = join(ROOT, 'models', 'challenge.yaml');
export const SERVICE = { path: () => join(ROOT, 'dist', 'cli', 'main.js'), make: 'make build' };

/** Chorus with a profile and more arguments. */
export function chorus(profile, ...more) {
  return service(join(ROOT, 'dist', 'cli', 'main.js'), 'serve', profile, ...more);
}

/** A script that takes the ports of `chorus serve`. */
function service(...args) {
  return ({ port, adminPort }) => {
    const hosts = ['--host', '127.0.0.1', '--admin-host', '127.0.0.1'];
    const ports = ['--port', String(port), '--admin-port', String(adminPort)];
    return {
      file: process.execPath,
      args: [...args, ...hosts, ...ports],
      ready: `http://127.0.0.1:${adminPort}/readyz`,
    };
  };
}

/** Chorus on the checkpoints in `folder` of those that `make synthetic` makes. */
function onCheckpoints(folder, profile, ...flags) {
  return (ports) => chorus(profile, '--models-dir', join(syntheticDir(), folder), ...flags)(ports);
}

/** What is compared are models: most texts of the sets are sent again and again. */
export const NO_CACHE = ['--cache-size', '0'];

/** Chorus with all five full-size models. */
function fullSize(what, precision, ...flags) {
  return {
    what: `Chorus, ${what}`,
    label: `Chorus ${what}`,
    models: MODELS,
    precision,
    needs: [SERVICE, CHECKPOINTS],
    command: onCheckpoints('challenge', CHALLENGE, ...NO_CACHE, ...flags),
  };
}

/** A server in `tools/`, which says on its only port that it is ready. */
export function tool(script) {
  return ({ port }) => ({
    file: process.execPath,
    args: [join(BENCH, 'tools', script), '--port', String(port)],
    ready: `http://127.0.0.1:${port}/readyz`,
  });
}

export const TARGETS = {
  starter: {
    what: 'Chorus, the five small starter models',
    models: MODELS,
    needs: [SERVICE],
    command: chorus(join(ROOT, 'models', 'starter.yaml'), ...NO_CACHE),
  },
  synthetic: fullSize('exact', 'fp32'),
  bf16: fullSize('bf16', 'bf16', '--precision', 'bf16'),
  int8: fullSize('int8', 'int8', '--precision', 'int8'),
  single: {
    what: 'Chorus, exact, one XLM-RoBERTa-base alone',
    models: ['ivanlau'],
    precision: 'fp32',
    needs: [SERVICE, CHECKPOINTS],
    command: onCheckpoints('challenge', join(BENCH, 'synthetic', 'single.yaml'), ...NO_CACHE),
  },
  ...PEERS,
  stub: {
    what: 'a constant answer: what the load generator itself can do here',
    models: MODELS,
    needs: [],
    command: tool('stub.mjs'),
  },
};

const NULL_ENGINE = service(join(ROOT, 'dist', 'testing', 'null-service.js'));

/** The same, which sends the spans of so large a part of its requests to a collector. */
function traced(part) {
  return (ports, collectorUrl) => ({
    ...service(join(ROOT, 'dist', 'testing', 'null-service.js'), '--otlp-endpoint', collectorUrl)(ports),
    env: { OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: part },
  });
}

const SENTIMENT = join(ROOT, 'models', 'sentiment-starter.yaml');

/**
 * What `bench/overhead.mjs` measures: a bare Koa, no engine, no models worth mentioning, and answers that are kept.
 * Each is called with ports and the URL of what it needs beside it: a Redis, a collector of spans.
 */
export const OVERHEAD = {
  echo: tool('echo.mjs'),
  null: NULL_ENGINE,
  tiny: onCheckpoints('tiny', CHALLENGE, ...NO_CACHE),
  untraced: NULL_ENGINE,
  unsampled: traced('0'),
  sampled: traced('0.1'),
  'echo-lists': tool('echo.mjs'),
  memory: chorus(SENTIMENT),
  redis: (ports, redisUrl) =>
    chorus(SENTIMENT, ...NO_CACHE, '--cache-redis-url', redisUrl)(ports),
};

/** Names that stand for several targets. */
export const GROUPS = {
  peers: Object.keys(PEERS),
  all: ['synthetic', 'bf16', 'int8', 'single', ...Object.keys(PEERS)],
};

/** What the chosen targets lack, one line each. */
export function missing(names, targets = TARGETS) {
  const lacking = names
    .flatMap((name) => targets[name].needs)
    .filter(({ path }) => !existsSync(path()));
  return [...new Set(lacking)].map(({ path, make }) => `${path()} is missing: run ${make}`);
}
