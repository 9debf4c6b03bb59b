// Chorus without an engine: every text is answered at once, with the same scores.
//
//   node bench/tools/null-engine.mjs --port 8080 --admin-port 9090
//
// The whole service but the addon, which need not be built: what `bench/overhead.mjs` compares with a bare
// Koa to see what HTTP costs. The models are those of the challenge's profile.

import { join } from 'node:path';

import { loadSettings } from '../../dist/config/load.js';
import { createLogger } from '../../dist/log/logger.js';
import { readProfile } from '../../dist/profile/read.js';
import { endpointsOf } from '../../dist/routes/endpoints.js';
import { Lifecycle } from '../../dist/server/lifecycle.js';
import { Service } from '../../dist/server/service.js';
import { LABELS } from '../lib/contract.js';
import { ROOT } from '../lib/paths.mjs';

const outputs = new Map(
  Object.entries(LABELS).map(([name, labels]) => {
    const scores = Float32Array.from(labels, (_, at) => 1 / (at + 1.5));
    return [name, { type: 'classification', labels, scores }];
  }),
);
const timing = { tokenization: 0.01, queue: 0.02, inference: 0.03 };

const engine = {
  models: Object.entries(LABELS).map(([name, labels]) => ({
    name,
    architecture: 'none',
    task: 'classification',
    labels,
    maxTokens: 512,
    parameters: 0,
    precision: 'exact',
    provider: 'cpu',
    digest: '',
    bytes: 0,
    load: 'eager',
  })),
  ortVersion: '',
  maxBatchTokens: 0,
  infer: ({ texts }) => ({ answer: Promise.resolve({ texts: texts.map(answered), begun: 0, timing }), cancel }),
  // Nothing scrapes it; readiness and `/stats` ask this.
  stats: () => ({ broken: false, models: [] }),
  close: () => Promise.resolve(),
};

function answered({ models }) {
  return { outputs: models.map((name) => outputs.get(name)), truncatedBy: [] };
}

function cancel() {
  // Answered already.
}

const { settings } = loadSettings(process.argv.slice(2), {});
const profile = readProfile(join(ROOT, 'models', 'challenge.yaml'));
const endpoints = endpointsOf(profile, settings.pathPrefix);
const logger = createLogger(settings.logLevel);
const loadEngine = () => Promise.resolve(engine);
const url = settings.otlpEndpoint && `${settings.otlpEndpoint}/v1/traces`;
const { startTracing } = url ? await import('../../dist/tracing/tracing.js') : {};
const tracing = startTracing?.({ url, version: '0', logger });
const service = new Service({ settings, profile, endpoints, logger, version: '0', loadEngine, tracing });
const lifecycle = new Lifecycle(settings.shutdownTimeout, logger, (code) => process.exit(code));
lifecycle.watch();
await service.start();
lifecycle.serving(service);
