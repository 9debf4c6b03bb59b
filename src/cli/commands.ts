/**
 * The table of subcommands. To add one, write its file here and list it.
 */

import { serve } from './serve.js';

export interface Command {
  readonly name: string;
  /** The arguments after the name, for the overview. */
  readonly usage: string;
  readonly summary: string;
  help(): string;
  /** @throws {StartError} for everything that a user can put right. */
  run(args: readonly string[]): Promise<void>;
}

export const commands: readonly Command[] = [serve];
