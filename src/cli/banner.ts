/**
 * What a person sees when the service is up: what is served, where, and what to try.
 *
 * For standard error, since standard output carries the log.
 */

import type { Profile } from '../profile/schema.js';
import { contracts } from '../routes/index.js';

export function banner({ name, routes }: Profile, port: number, adminPort: number): string {
  const origin = `http://localhost:${port}`;
  const lines = [`Chorus serves the profile ${name}:`, ''];
  for (const { path, contract, models } of routes) {
    const { method } = contracts[contract];
    lines.push(`  ${method} ${origin}${path}    ${models.join(', ')}`);
  }
  lines.push(
    `  metrics, probes: http://localhost:${adminPort}/metrics, /readyz, /livez`,
    '',
    'Try:',
    '',
  );
  for (const { path, contract } of routes) {
    const { method, sampleBody } = contracts[contract];
    const command = `curl -X ${method} ${origin}${path} -H 'accept: application/json'`;
    lines.push(`  ${command} -d '${sampleBody}'`);
  }
  return `\n${lines.join('\n')}\n\n`;
}
