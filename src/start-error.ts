/**
 * Why the service cannot start: lines for a person at a terminal, and the exit code.
 *
 * Everything expected that goes wrong before the service is ready is one of these, so `cli/main.ts`
 * prints lines; any other error is a fault of ours and shows its stack.
 */

export const exitCodes = {
  /** Stopped as asked, every accepted request answered. */
  ok: 0,
  /** Could not start, or had to give up requests to stop in time. */
  failed: 1,
  /** What was asked for is wrong: flags, settings, the profile file. */
  usage: 2,
} as const;

export class StartError extends Error {
  override readonly name = 'StartError';

  constructor(
    readonly lines: readonly string[],
    readonly exitCode: number = exitCodes.failed,
  ) {
    super(lines.join('\n'));
  }
}
