/**
 * `docs/openapi.json`: what a service with the default profile answers at `/openapi.json`.
 */

import { version } from '../cli/version.js';
import { locateProfile } from '../profile/locate.js';
import { readProfile } from '../profile/read.js';
import { endpointsOf } from '../routes/endpoints.js';
import { openApiOf } from '../routes/openapi.js';
import { withOwn } from '../routes/own.js';

export function starterOpenApi(): string {
  const profile = readProfile(locateProfile('starter'));
  const endpoints = endpointsOf(profile, '');
  const asksKeys = false;
  const own = { profile, endpoints, pathPrefix: '', version, asksKeys, notReady: () => undefined };
  const document = openApiOf({ profile, version, asksKeys, endpoints: withOwn(own) });
  return `${JSON.stringify(document, null, 2)}\n`;
}
