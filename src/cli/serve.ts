/**
 * `chorus serve`: settings and profile in, a running service out.
 *
 * The one place where the parts are put together: the real engine, the real log, the real signals.
 */

import { Console } from 'node:console';

import { loadSettings } from '../config/load.js';
import { exitProcess } from '../engine/native-engine.js';
import type { Tracing } from '../http/tracing.js';
import { createLogger, type Logger } from '../log/logger.js';
import { Lifecycle } from '../server/lifecycle.js';
import { Service } from '../server/service.js';
import { spanUrl } from '../tracing/destination.js';
import { banner } from './banner.js';
import { cacheOf } from './cache-tiers.js';
import type { Command } from './command.js';
import { requireServable } from './described.js';
import { serveHelp } from './help.js';
import { engineConfig, loadEngine } from './profile-engine.js';
import { pullProfile } from './pull.js';
import { servedBy } from './served.js';
import { version } from './version.js';

export const serve: Command = {
  name: 'serve',
  usage: '[profile]',
  summary: 'Serve a profile over HTTP',
  help: serveHelp,
  run,
};

async function run(args: readonly string[]): Promise<void> {
  // Standard output carries the log, a line of JSON each; node-redis prints what Sentinels do wrong.
  globalThis.console = new Console(process.stderr);
  const { settings, warnings } = loadSettings(args, process.env);
  const served = servedBy(settings);
  const { profile } = served;
  const spansTo = spanUrl(settings.otlpEndpoint, process.env);
  if (settings.pull) await pullProfile(profile);
  const config = engineConfig(settings, profile);
  await requireServable(config, profile);
  const cache = cacheOf(settings, profile);
  await cache.ready();

  const logger = createLogger(settings.logLevel);
  for (const warning of warnings) logger.warn({}, warning);
  const lifecycle = new Lifecycle(settings.shutdownTimeout, logger, exitProcess);
  lifecycle.watch();

  logger.info({ profile: profile.name, version }, 'loading');
  const service = new Service({
    ...served,
    settings,
    logger,
    version,
    tracing: await tracingTo(spansTo, logger),
    loadEngine: async () => cache.over(await loadEngine(config, profile)),
  });
  const { port, adminPort } = await service.start();
  lifecycle.serving(service);
  logger.info({ profile: profile.name, host: settings.host, port, adminPort }, 'ready');
  process.stderr.write(banner(served, port, adminPort));
}

/** Loads what traces only where it is wanted: it is larger than the service. */
async function tracingTo(url: string | undefined, logger: Logger): Promise<Tracing | undefined> {
  if (url === undefined) return undefined;
  const { startTracing } = await import('../tracing/tracing.js');
  return startTracing({ url, version, logger });
}
