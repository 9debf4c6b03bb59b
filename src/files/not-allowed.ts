/**
 * What the system does not let this user do with a file.
 */

const CODES: readonly unknown[] = ['EACCES', 'EPERM', 'EROFS'];

/** Whether `error` says so: by permissions, or since all of the file system is read-only. */
export function isNotAllowed(error: unknown): boolean {
  return CODES.includes((error as NodeJS.ErrnoException).code);
}
