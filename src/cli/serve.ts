/**
 * `chorus serve`: settings and profile in, a running service out.
 *
 * The one place where the parts are put together: the real engine, the real log, the real signals.
 */

import { Console } from 'node:console';

import { loadSettings } from '../config/load.js';
import type { Settings } from '../config/settings.js';
import { exitProcess } from '../engine/native-engine.js';
import type { Tracing } from '../http/tracing.js';
import { createLogger, type Logger } from '../log/logger.js';
import { LineOutput } from '../log/output.js';
import { logWhatIsPrinted } from '../log/printed.js';
import { Lifecycle } from '../server/lifecycle.js';
import { Service } from '../server/service.js';
import { spanUrl } from '../tracing/destination.js';
import { banner } from './banner.js';
import { cacheOf } from './cache-tiers.js';
import type { Command } from './command.js';
import { serveHelp } from './help.js';
import { loader, prepare } from './load.js';
import { memoryFields } from './memory.js';
import { revisionOf, version } from './version.js';

export const serve: Command = {
  name: 'serve',
  usage: '[profile]',
  summary: 'Serve a profile over HTTP',
  help: serveHelp,
  run,
};

/** How long the end of the process waits for the last lines of the log. */
const LAST_LINES_MS = 1000;

async function run(args: readonly string[]): Promise<void> {
  // Unless somebody listens, Node opens its debugger at this signal.
  process.on('SIGUSR1', () => undefined);
  // Standard output carries the log, a line of JSON each.
  globalThis.console = new Console(process.stderr);
  const { settings, warnings } = loadSettings(args, process.env);
  const prepared = await prepare(settings);
  const { served } = prepared;
  const { profile } = served;
  const spansTo = spanUrl(settings.otlpEndpoint, process.env);
  const output = new LineOutput(1);
  const logger = createLogger(settings.logLevel, output);
  logWhatIsPrinted(logger);
  const cache = await cacheOf(settings, logger);
  await cache.ready();
  for (const warning of warnings) logger.warn({}, warning);
  const lifecycle = new Lifecycle(settings.shutdownTimeout, logger, (code) => {
    void output.emptied(LAST_LINES_MS).then(() => {
      exitProcess(code);
    });
  });
  lifecycle.watch();

  const build = { version, revision: revisionOf(process.env) };
  logger.info({ profile: profile.name, ...build, ...memoryFields(prepared.memory) }, 'loading');
  const service = new Service({
    settings,
    logger,
    logLinesDropped: () => output.dropped,
    build,
    tracing: await tracingTo(spansTo, logger),
    load: loader({ settings, first: prepared, cache, logger }),
    release: cache.close,
  });
  const { port, adminPort } = await service.start().catch(async (error: unknown) => {
    await output.emptied(LAST_LINES_MS);
    throw error;
  });
  lifecycle.serving(service);
  logger.info({ profile: profile.name, host: settings.host, port, adminPort }, 'ready');
  const { pathPrefix } = settings;
  const addresses = { origin: originOf(settings, port), pathPrefix, adminPort };
  new LineOutput(2).write(banner(served, prepared.memory, addresses));
}

/** Where a browser of this machine finds the service. */
function originOf({ tlsCertFile }: Settings, port: number): string {
  return `${tlsCertFile === '' ? 'http' : 'https'}://localhost:${port}`;
}

/** Loads what traces only where it is wanted: it is larger than the service. */
async function tracingTo(url: string | undefined, logger: Logger): Promise<Tracing | undefined> {
  if (url === undefined) return undefined;
  const { startTracing } = await import('../tracing/tracing.js');
  return startTracing({ url, version, logger });
}
