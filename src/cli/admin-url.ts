/**
 * Where commands find the admin port of a running service.
 */

import { settings } from '../config/settings.js';
import { exitCodes, StartError } from '../start-error.js';

export const DEFAULT_ADMIN_URL = `http://127.0.0.1:${settings.adminPort.default}`;

/** @throws {StartError} for what is no URL; what it gives ends without a slash. */
export function adminUrl(url: string): string {
  if (/^https?:\/\//.test(url) && URL.canParse(url)) return url.replace(/\/+$/, '');
  throw new StartError(
    [`--url is "${url}"; it must be a URL such as ${DEFAULT_ADMIN_URL}.`],
    exitCodes.usage,
  );
}

/** What an answer says; `undefined` where it is no JSON, as of whatever else listens there. */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
