/**
 * What a person sees when the service is up: what is served, where, and what to try.
 *
 * For standard error, since standard output carries the log.
 */

import { ownPaths, type Endpoint } from '../routes/endpoints.js';
import { curl } from './curl.js';
import { memoryLine, type Memory } from './memory.js';
import type { Served } from './served.js';

/** Where the service is found. */
export interface Addresses {
  readonly origin: string;
  readonly pathPrefix: string;
  readonly adminPort: number;
}

export function banner(
  { profile, endpoints }: Served,
  memory: Memory,
  { origin, pathPrefix, adminPort }: Addresses,
): string {
  const lines = [
    `Chorus serves the profile ${profile.name}:`,
    '',
    ...endpoints.map(({ path, operation: { method }, route: { models } }) => {
      return `  ${method} ${origin}${path}    ${models.join(', ')}`;
    }),
    `  reference: ${origin}${pathPrefix}${ownPaths.docs}`,
    `  metrics, probes: http://localhost:${adminPort}/metrics, /stats, /readyz, /livez`,
    `  ${memoryLine(memory)}`,
    '',
    'Try:',
    '',
    ...endpoints.map((endpoint) => `  ${example(endpoint, origin)}`),
  ];
  return `\n${lines.join('\n')}\n\n`;
}

function example(
  { path, operation: { method, example }, route }: Endpoint,
  origin: string,
): string {
  const url = origin + path.replace('{model}', route.models[0] ?? '');
  return curl(method, url, example === undefined ? undefined : JSON.stringify(example));
}
