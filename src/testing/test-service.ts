/**
 * The whole service on loopback ports with a fake engine, for tests.
 */

import { Writable } from 'node:stream';
import type { TestContext } from 'node:test';

import { loadSettings } from '../config/load.js';
import type { Engine } from '../engine/engine.js';
import type { Tracing } from '../http/tracing.js';
import { createLogger, type Logger } from '../log/logger.js';
import type { Profile } from '../profile/schema.js';
import { endpointsOf } from '../routes/endpoints.js';
import type { Contracts } from '../routes/index.js';
import type { Loaded } from '../server/generation.js';
import type { Load } from '../server/reload.js';
import { Service } from '../server/service.js';
import { fakeEngine } from './fake-engine.js';
import { usualRoute } from './usual-route.js';

type Body = NonNullable<RequestInit['body']>;

export interface TestService {
  readonly service: Service;
  readonly port: number;
  /** Where paths of the service begin, a path prefix included. */
  readonly origin: string;
  readonly adminOrigin: string;
  /** Everything logged so far, at every level. */
  readonly log: () => string;
  readonly post: (body: Body, headers?: Record<string, string>) => Promise<Response>;
  readonly metrics: () => Promise<string>;
}

/** What a test's profile serves: by default the contract `process` at `/process`, by all models. */
export interface TestRoutes {
  readonly routes?: Profile['routes'];
  readonly contracts?: Contracts;
  /** How it is loaded, instead of at once with the engine. */
  readonly load?: (loadedOf: (engine: Engine) => Loaded) => Load;
  /** Traces requests, with the service's log. */
  readonly tracing?: (logger: Logger) => Tracing;
}

export function testProfile(
  models: readonly string[],
  routes: Profile['routes'] = [{ path: '/process', contract: 'process', models, ...usualRoute }],
): Profile {
  return {
    name: 'test',
    file: '/nowhere/test.yaml',
    index: '',
    models: models.map((name) => ({
      name,
      folder: '/nowhere',
      source: undefined,
      labels: {},
      maxTokens: 0,
      format: 'auto',
      graph: '',
      pooling: '',
      load: 'eager',
    })),
    routes,
    precisions: {},
    golden: [],
    fault: (path, what) => `${path.join('.')}: ${what}`,
  };
}

/** Starts a service that stops when the test ends; `flags` are those of `chorus serve`. */
export async function startTestService(
  context: TestContext,
  engine: Engine = fakeEngine(),
  flags: readonly string[] = [],
  { routes, contracts, load, tracing }: TestRoutes = {},
): Promise<TestService> {
  const lines: string[] = [];
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(chunk.toString());
      done();
    },
  });
  const hosts = ['--host', '127.0.0.1', '--admin-host', '127.0.0.1'];
  const ports = ['--port', '0', '--admin-port', '0'];
  const { settings } = loadSettings([...hosts, ...ports, ...flags], {});
  const loadedOf = (engine: Engine): Loaded => {
    const profile = testProfile(
      engine.models.map(({ name }) => name),
      routes,
    );
    const endpoints = endpointsOf(profile, settings.pathPrefix, contracts);
    return { profile, endpoints, engine, revisions: new Map() };
  };
  const logger = createLogger('trace', sink);
  const service = new Service({
    settings,
    logger,
    tracing: tracing?.(logger),
    build: { version: '0.0.0', revision: 'unknown' },
    load: load?.(loadedOf) ?? (() => Promise.resolve(loadedOf(engine))),
  });
  const { port, adminPort } = await service.start();
  context.after(() => service.stop(0));
  const origin = `http://127.0.0.1:${port}${settings.pathPrefix}`;
  const adminOrigin = `http://127.0.0.1:${adminPort}`;
  return {
    service,
    port,
    origin,
    adminOrigin,
    log: () => lines.join(''),
    post: (body, headers = {}) =>
      fetch(`${origin}/process`, { method: 'POST', body, headers, ...streaming(body) }),
    metrics: async () => (await fetch(`${adminOrigin}/metrics`)).text(),
  };
}

/** What `fetch` wants beside a stream, and its types do not know. */
function streaming(body: unknown): object {
  return body instanceof ReadableStream ? { duplex: 'half' } : {};
}
