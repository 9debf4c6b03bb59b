/**
 * The table of subcommands. To add one, write its file here and list it.
 */

import { cache } from './cache.js';
import type { Command } from './command.js';
import { check } from './check.js';
import { index } from './index-command.js';
import { keys } from './keys.js';
import { models } from './models.js';
import { pull } from './pull.js';
import { reload } from './reload.js';
import { requests } from './requests.js';
import { serve } from './serve.js';
import { top } from './top.js';

export const commands: readonly Command[] = [
  ...[serve, reload, top, pull, check, models, requests, cache, index, keys],
];
