/**
 * A schema's complaints as one `invalid_input` error, each fault with its JSON pointer.
 */

import type { z } from 'zod';

import { ServiceError, type InputFault } from '../errors/service-error.js';

/** Told of one body: more would be an answer larger than what it answers. */
const MOST_FAULTS = 1000;

export function invalidInput(error: z.ZodError): ServiceError {
  return faultyInput(error.issues.flatMap((issue) => faultsOf(issue, [])));
}

/** The same for faults that no schema has found. */
export function faultyInput(all: readonly InputFault[]): ServiceError {
  const faults = all.slice(0, MOST_FAULTS);
  const [first] = faults;
  const where = first?.pointer ? `The body's ${first.pointer}` : 'The body';
  return new ServiceError('invalid_input', `${where} ${first?.detail ?? 'is invalid'}.`, {
    faults,
  });
}

type Path = readonly PropertyKey[];

/** One fault for each key that is not known, and of alternatives those of the one that was meant. */
function faultsOf(issue: z.core.$ZodIssue, within: Path): InputFault[] {
  const path = [...within, ...issue.path];
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      pointer: pointerTo([...path, key]),
      detail: 'is not known',
    }));
  }
  if (issue.code === 'invalid_union') {
    const meant = issue.errors.filter((issues) => !issues.some(isOfAnotherType));
    if (meant.length === 1) return meant.flat().flatMap((inner) => faultsOf(inner, path));
  }
  return [{ pointer: pointerTo(path), detail: issue.message }];
}

function isOfAnotherType({ code, path }: z.core.$ZodIssue): boolean {
  return code === 'invalid_type' && path.length === 0;
}

export function pointerTo(path: Path): string {
  return path.map((key) => `/${escapePointer(String(key))}`).join('');
}

/** RFC 6901, section 3. */
function escapePointer(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1');
}
