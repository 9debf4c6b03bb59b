/**
 * `chorus pull`: a profile's models from the hub into the cache.
 */

import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { convertCheckpoint } from '../engine/native-models.js';
import { HubCache } from '../hub/cache.js';
import { HubClient } from '../hub/client.js';
import { progressOn, sizeOf } from '../hub/progress.js';
import { pull as pullModels } from '../hub/pull.js';
import { locateProfile } from '../profile/locate.js';
import { readProfile } from '../profile/read.js';
import type { Profile } from '../profile/schema.js';
import { exitCodes, StartError } from '../start-error.js';
import type { Command } from './command.js';
import { graphOf } from './described.js';
import { onlyProfile, parsed } from './parsed.js';

const DEFAULT_ENDPOINT = 'https://huggingface.co';

export const pull: Command = {
  name: 'pull',
  usage: '<profile>',
  summary: "Download a profile's models and lock them",
  help: () => `Usage: chorus pull <profile> [--update] [--models-dir FOLDER]

profile is the name of a shipped profile or the path of a YAML file. What comes is written to
<profile>.lock.json beside it; with a lock there, only what it names is downloaded. Several may
pull into one cache, also from other machines: one downloads a file, the others wait for it.

  --update      Ask the hub anew and replace the lock
  --models-dir  Where the models' own folders are; models found there are left alone

  HF_ENDPOINT                      The hub (default: ${DEFAULT_ENDPOINT})
  HF_TOKEN, HF_TOKEN_PATH          Your token, or the file that holds it
  HF_HUB_CACHE, HF_HOME            Where the cache is (default: ~/.cache/huggingface/hub)
`,
  async run(args) {
    const { values, positionals } = parsed(() =>
      parseArgs({
        args: [...args],
        allowPositionals: true,
        options: { update: { type: 'boolean' }, 'models-dir': { type: 'string' } },
      }),
    );

    const profile = readProfile(locateProfile(onlyProfile(positionals)), values['models-dir']);
    await pullProfile(profile, values.update);
  },
};

/** Pulls what `profile` names; says on standard error what was done. */
export async function pullProfile(profile: Profile, update = false): Promise<void> {
  const cache = new HubCache();
  const { pulled, skipped, bytes, lockFile } = await pullModels(profile, {
    client: new HubClient({
      endpoint: endpoint(),
      token: token(),
    }),
    cache,
    progress: progressOn(process.stderr),
    describe: (model, files, names) => graphOf(model, files, names, profile),
    convert: convertCheckpoint,
    update,
  });
  for (const name of skipped) {
    const folder = profile.models.find((model) => model.name === name)?.folder ?? '';
    process.stderr.write(`${name} is served from ${folder}; nothing to pull.\n`);
  }
  if (pulled.length === 0) return;
  process.stderr.write(
    `${pulled.length} models, ${sizeOf(bytes)}, in ${cache.folder}; locked in ${lockFile}\n`,
  );
}

function endpoint(): string {
  const written = process.env.HF_ENDPOINT ?? DEFAULT_ENDPOINT;
  if (URL.canParse(written) && /^https?:$/.test(new URL(written).protocol)) return written;
  throw new StartError(
    [`HF_ENDPOINT is "${written}"; it must be a URL such as ${DEFAULT_ENDPOINT}.`],
    exitCodes.usage,
  );
}

/** `HF_TOKEN`, or what the hub's own tools stored at login. */
function token(): string {
  const { HF_TOKEN, HF_TOKEN_PATH, HF_HOME } = process.env;
  if (HF_TOKEN !== undefined) return HF_TOKEN.trim();
  try {
    const file = HF_TOKEN_PATH ?? join(HF_HOME ?? join(homedir(), '.cache/huggingface'), 'token');
    return readFileSync(file, 'utf8').trim();
  } catch {
    // No such file, or no home to look in.
    return '';
  }
}
