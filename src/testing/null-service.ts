/**
 * Chorus without an engine: every text is answered at once, with the same scores.
 *
 *     node dist/testing/null-service.js --port 8080 --admin-port 9090
 *
 * The whole service but the addon, which need not be built: what `bench/overhead.mjs` compares with a bare
 * Koa to see what HTTP costs. Its settings are those of `chorus serve`, its models the challenge's.
 */

import { fileURLToPath } from 'node:url';

import { loadSettings } from '../config/load.js';
import type { Engine, ModelOutput, TextAnswer, TextRequest } from '../engine/engine.js';
import { createLogger } from '../log/logger.js';
import { readProfile } from '../profile/read.js';
import { endpointsOf } from '../routes/endpoints.js';
import { Lifecycle } from '../server/lifecycle.js';
import { Service } from '../server/service.js';
import { fakeEngine } from './fake-engine.js';

const PROFILE = fileURLToPath(new URL('../../models/challenge.yaml', import.meta.url));

/** As many as the challenge's models have, by name; the first of each, the best one, is one of theirs. */
const LABELS = {
  cardiffnlp: ['NEGATIVE', 'NEUTRAL', 'POSITIVE'],
  ivanlau: ['Arabic', ...Array.from({ length: 44 }, (_, at) => `other ${at}`)],
  svalabs: ['HAM', 'SPAM'],
  EIStakovskii: ['LABEL_0', 'LABEL_1'],
  jy46604790: ['LABEL_0', 'LABEL_1'],
};

const TIMING = { tokenization: 0.01, queue: 0.02, inference: 0.03 };

/** Unlike the engine of tests it computes nothing and remembers nothing. */
function nullEngine(): Engine {
  const told = fakeEngine({}, LABELS);
  const outputs = new Map(
    told.models.map(({ name, labels }): [string, ModelOutput] => {
      const scores = Float32Array.from(labels, (_, at) => 1 / (at + 1.5));
      return [name, { type: 'classification', labels, scores }];
    }),
  );
  const answered = ({ models }: TextRequest): TextAnswer => ({
    outputs: models.flatMap((name) => outputs.get(name) ?? []),
    truncatedBy: [],
  });
  return {
    models: told.models,
    ortVersion: told.ortVersion,
    maxBatchTokens: told.maxBatchTokens,
    infer: ({ texts }) => ({
      answer: Promise.resolve({ texts: texts.map(answered), begun: 0, timing: TIMING }),
      cancel: () => undefined,
    }),
    refusal: () => undefined,
    stats: () => told.stats(),
    close: () => told.close(),
  };
}

const { settings } = loadSettings(process.argv.slice(2), {});
const profile = readProfile(PROFILE);
const endpoints = endpointsOf(profile, settings.pathPrefix);
const logger = createLogger(settings.logLevel);
const url = settings.otlpEndpoint && `${settings.otlpEndpoint}/v1/traces`;
const traced = url === '' ? undefined : await import('../tracing/tracing.js');
const service = new Service({
  settings,
  logger,
  build: { version: '0', revision: 'unknown' },
  load: () => Promise.resolve({ profile, endpoints, engine: nullEngine(), revisions: new Map() }),
  tracing: traced?.startTracing({ url, version: '0', logger }),
});
const lifecycle = new Lifecycle(settings.shutdownTimeout, logger, (code) => process.exit(code));
lifecycle.watch();
await service.start();
lifecycle.serving(service);
