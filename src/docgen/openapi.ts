/**
 * `docs/openapi.json`: what a service with the default profile answers at `/openapi.json`.
 */

import { version } from '../cli/version.js';
import { locateProfile } from '../profile/locate.js';
import { readProfile } from '../profile/read.js';
import { documentOf } from '../routes/own.js';

export function starterOpenApi(): string {
  const profile = readProfile(locateProfile('starter'));
  const document = documentOf({ profile, pathPrefix: '', version, asksKeys: false });
  return `${JSON.stringify(document, null, 2)}\n`;
}
