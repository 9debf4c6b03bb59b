// A hub on loopback with a profile's repositories, at the profile's revisions, holding small checkpoints:
// an image of the challenge can be built in seconds and without a network beyond this machine.
//
// The starter models stand in for those of the same name; a model in `pickled` gets a checkpoint that has
// pytorch_model.bin alone, which the build must convert. Every repository is private: only TOKEN opens it.

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { TestHub } from 'chorus-test-hub';
import { parse } from 'yaml';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const PICKLED = join(ROOT, 'native/fixtures/roberta');

/** What the hub takes. */
export const TOKEN = 'hf_only-for-this-trial';

/** Gives `work` an image build's options for such a hub of a shipped profile, which ends with it. */
export async function withSmallHub(profile, pickled, work) {
  const hub = await startSmallHub(profile, pickled);
  const folder = mkdtempSync(join(tmpdir(), 'chorus-token-'));
  try {
    const token = join(folder, 'token');
    writeFileSync(token, TOKEN);
    await work([
      ...['--build-arg', `HF_ENDPOINT=${hub.endpoint}`, '--network', 'host'],
      ...['--secret', `id=hf_token,src=${token}`],
    ]);
  } finally {
    rmSync(folder, { recursive: true });
    await hub.close();
  }
}

async function startSmallHub(profile, pickled) {
  const { models } = parse(readFileSync(join(ROOT, 'models', `${profile}.yaml`), 'utf8'));
  const hub = await TestHub.start({ tokens: [TOKEN] });
  for (const { name, source } of models) {
    const { repo, revision, weights_revision: weightsRevision = revision } = source;
    const files = pickled.includes(name)
      ? filesOf(PICKLED, ['expected.json', 'model.safetensors'])
      : filesOf(starterOf(name), []);
    await hub.addRepo({ repo, id: fullId(revision), files, license: 'mit', private: true });
    if (weightsRevision !== revision) {
      await hub.addCommit(repo, { id: fullId(weightsRevision), ref: 'refs/pr/1', files });
    }
  }
  return hub;
}

/** The starter model of this name, whichever profile it belongs to. */
function starterOf(name) {
  const folders = ['starter', 'sentiment-starter'].map((profile) =>
    join(ROOT, 'models', profile, name),
  );
  return folders.find((folder) => existsSync(folder)) ?? folders[0];
}

function filesOf(folder, leftOut) {
  const names = readdirSync(folder).filter((name) => !leftOut.includes(name));
  return Object.fromEntries(names.map((name) => [name, { file: join(folder, name) }]));
}

/** A profile may give the first digits of a commit's id only. */
function fullId(revision) {
  return revision.padEnd(40, '0');
}
