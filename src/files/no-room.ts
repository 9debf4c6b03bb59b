/**
 * How systems say that a disk, a quota or a limit of a file's size is used up.
 */

const CODES: readonly unknown[] = ['EDQUOT', 'EFBIG', 'ENOSPC'];

export function isNoRoom(error: unknown): boolean {
  return CODES.includes((error as NodeJS.ErrnoException).code);
}
