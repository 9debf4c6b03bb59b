/**
 * What can go wrong between here and the hub, and which of it is worth another try.
 */

import { isNoRoom } from '../files/no-room.js';
import { StartError } from '../start-error.js';

/** One line for a person: what was wrong, and what would be right. */
export class HubError extends Error {
  override readonly name: string = 'HubError';
}

/** A failure that may pass: a lost connection, a busy hub. */
export class PassingError extends HubError {
  override readonly name = 'PassingError';

  constructor(
    message: string,
    /** How long the hub asked to wait, in milliseconds. */
    readonly retryAfterMs = 0,
  ) {
    super(message);
  }
}

/** What a person is told who wanted models of `endpoint` in `folder`; a fault of ours stays what it is. */
export function told(error: unknown, endpoint: string, folder: string): unknown {
  if (error instanceof StartError) return error;
  if (error instanceof PassingError) {
    return new StartError([`${error.message} (${endpoint}); try again later.`]);
  }
  if (error instanceof HubError) return new StartError([error.message]);
  const { syscall, message } = error as NodeJS.ErrnoException;
  if (isNoRoom(error)) {
    return new StartError([
      `There is no room left in ${folder} (${message}); make room, or set HF_HOME to a larger disk. ` +
        'The same command goes on with what has come.',
    ]);
  }
  // Of files: a lost connection has become an error of its own.
  return syscall === undefined ? error : new StartError([`Cannot pull into ${folder}: ${message}`]);
}

/**
 * The error that an answer of the hub stands for.
 *
 * The hub names the reason in `X-Error-Code`; a status alone does not tell a missing file from a
 * missing repository. It answers 401 for a repository that does not exist as for one that is private.
 */
export function errorOf(response: Response, what: string, endpoint: string): HubError {
  const { status, headers } = response;
  const code = headers.get('x-error-code');
  if (code === 'GatedRepo' || (code === null && status === 403)) {
    return new HubError(
      `${what}: access is restricted; accept its terms on ${endpoint} and set HF_TOKEN to your token.`,
    );
  }
  if (code === 'RevisionNotFound') return new HubError(`${what}: there is no such revision.`);
  if (code === 'EntryNotFound') return new HubError(`${what}: there is no such file.`);
  if (code === 'RepoNotFound' || status === 401 || status === 404) {
    return new HubError(
      `${what}: not found on ${endpoint}; check the name, or set HF_TOKEN if it is private.`,
    );
  }
  if (status === 408 || status === 429 || status >= 500) {
    return new PassingError(`${what}: the hub answered ${status}`, retryAfter(headers));
  }
  return new HubError(`${what}: the hub answered ${status}, which is not expected.`);
}

/** `Retry-After` in milliseconds; it is a number of seconds or a date (RFC 9110, 10.2.3). */
function retryAfter(headers: Headers): number {
  const value = headers.get('retry-after');
  if (value === null) return 0;
  const seconds = Number(value);
  const wait = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(value) - Date.now();
  return Number.isFinite(wait) ? Math.max(wait, 0) : 0;
}
