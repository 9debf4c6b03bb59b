/**
 * Who may use a route: whoever shows a key that the service knows and the route takes.
 *
 * Asked before anything of the body is read. A key is shown as `x-api-key` or as `Authorization: Bearer`; where both
 * are, the first counts, since a proxy in front may want the other for itself.
 */

import type { IncomingHttpHeaders } from 'node:http';

import { ServiceError } from '../errors/service-error.js';
import type { Keyring } from '../keys/keyring.js';
import type { Route } from '../routes/endpoints.js';
import type { Exchange } from './exchange.js';

/**
 * Lets a request through to a route that asks for `keys`, and notes whose key it was.
 *
 * @throws {ServiceError} `key_missing`, `key_unknown` or `key_not_allowed`.
 */
export type Authorize = (exchange: Exchange, keys: Route['keys']) => void;

/** `keyring`: the one that counts now. */
export function authorization(keyring: () => Keyring): Authorize {
  return function authorize(exchange, keys) {
    const key = keyIn(exchange.request.headers);
    if (key === undefined) {
      const detail = 'Send the key as x-api-key: KEY, or as Authorization: Bearer KEY.';
      throw refusal('key_missing', detail, '');
    }
    const name = keyring().nameOf(key);
    if (name === undefined) {
      throw refusal('key_unknown', 'The key that was sent is not known here.', 'invalid_token');
    }
    exchange.keyName = name;
    if (keys !== 'any' && !keys.includes(name)) {
      throw refusal('key_not_allowed', 'This route takes other keys.', 'insufficient_scope');
    }
  };
}

function keyIn(headers: IncomingHttpHeaders): string | undefined {
  const { authorization = '', 'x-api-key': stated = '' } = headers;
  if (typeof stated === 'string' && stated !== '') return stated;
  return /^bearer +(\S+)$/i.exec(authorization)?.[1];
}

/** `error`: what RFC 6750, section 3.1, calls it; nothing where no key was shown. */
function refusal(
  code: 'key_missing' | 'key_unknown' | 'key_not_allowed',
  detail: string,
  error: string,
) {
  const challenge = 'Bearer realm="chorus"' + (error === '' ? '' : `, error="${error}"`);
  return new ServiceError(code, detail, { headers: { 'www-authenticate': challenge } });
}
