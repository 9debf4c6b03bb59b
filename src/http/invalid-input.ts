/**
 * A schema's complaints as one `invalid_input` error, each fault with its JSON pointer.
 */

import type { z } from 'zod';

import { ServiceError } from '../errors/service-error.js';

export function invalidInput(error: z.ZodError): ServiceError {
  const faults = error.issues.map(({ path, message }) => ({
    pointer: path.map((key) => `/${escapePointer(String(key))}`).join(''),
    detail: message,
  }));
  const [first] = faults;
  const where = first?.pointer ? `The body's ${first.pointer}` : 'The body';
  return new ServiceError('invalid_input', `${where} ${first?.detail ?? 'is invalid'}.`, {
    faults,
  });
}

/** RFC 6901, section 3. */
function escapePointer(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1');
}
