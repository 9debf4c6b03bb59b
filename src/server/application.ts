/**
 * What answers requests by what is loaded: the application, and who is refused before it.
 */

import type { RequestListener } from 'node:http';

import type { Settings } from '../config/settings.js';
import { createApp, type AppParts } from '../http/app.js';
import { earlyRefusal, type EarlyRefusal } from '../http/early-refusal.js';
import { docsPage } from '../routes/docs-page.js';
import { withOwn } from '../routes/own.js';
import type { Loaded } from './generation.js';
import { notReady, type Phase } from './readiness.js';

/** What is the same for all that is loaded, one after another. */
export interface ApplicationParts extends Pick<
  AppParts,
  'authorize' | 'exchanges' | 'logger' | 'textRepaired'
> {
  readonly settings: Settings;
  /** Of the service. */
  readonly version: string;
  readonly phase: () => Phase;
}

export function applicationOf(
  { settings, version, phase, ...parts }: ApplicationParts,
  { profile, endpoints, engine, index }: Loaded,
): RequestListener {
  const { pathPrefix } = settings;
  return createApp({
    ...parts,
    endpoints: withOwn({
      profile,
      endpoints,
      pathPrefix,
      version,
      asksKeys: parts.authorize !== undefined,
      notReady: () => notReady(phase(), engine.stats()),
    }),
    files: docsPage(pathPrefix),
    pathPrefix,
    engine,
    index,
    maxBodyBytes: settings.maxBodySize,
    answerTimeoutMs: settings.answerTimeout,
    mayBypassCache: settings.cacheBypass,
  });
}

export function refusalOf(
  { answerTimeout, cacheSize, cacheRedisUrl }: Settings,
  { endpoints, engine, index }: Loaded,
  lagMs: () => number,
): EarlyRefusal {
  return earlyRefusal({
    endpoints,
    engine,
    index,
    answerTimeoutMs: answerTimeout,
    keepsAnswers: cacheSize > 0 || cacheRedisUrl !== '',
    lagMs,
  });
}
