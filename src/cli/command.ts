/**
 * What a subcommand is. `commands.ts` lists them.
 */

export interface Command {
  readonly name: string;
  /** The arguments after the name, for the overview. */
  readonly usage: string;
  readonly summary: string;
  help(): string;
  /** @throws {StartError} for everything that a user can put right. */
  run(args: readonly string[]): Promise<void>;
}
