/**
 * The table of subcommands. To add one, write its file here and list it.
 */

import type { Command } from './command.js';
import { serve } from './serve.js';

export const commands: readonly Command[] = [serve];
