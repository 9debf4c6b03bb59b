// `make synthetic`: full-size random checkpoints of the challenge's five models, 4.9 GB in all.
//
// They answer nonsense at exactly the price of the real ones. Written outside the repository, to
// ../chorus-synthetic/challenge/<model> (CHORUS_SYNTHETIC_DIR replaces the first part). A checkpoint
// that is already there is kept; the same seed gives the same bytes everywhere.
//
//   node bench/synthetic/make.mjs [--sentiment] [--tiny]
//
// `--sentiment` makes the one model of models/sentiment.yaml instead, 0.3 GB, in ../chorus-synthetic/sentiment.
// `--tiny` makes encoders of next to no work with the real vocabularies, in ../chorus-synthetic/tiny (or
// tiny-sentiment): what a request costs beside its models.

import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { parseArgs } from 'node:util';

import { ROOT, syntheticDir } from '../lib/paths.mjs';
import { models, sentimentModel } from './models.mjs';
import { writeSafetensors } from './safetensors.mjs';
import { tensors } from './tensors.mjs';

/** Raise it when the bytes change. */
const VERSION = 1;

/** What a tiny encoder is cut down to. */
const TINY = {
  hidden_size: 16,
  intermediate_size: 16,
  num_attention_heads: 1,
  num_hidden_layers: 1,
};
const TINY_DISTILBERT = { dim: 16, hidden_dim: 16, n_heads: 1, n_layers: 1 };

function main() {
  const { values } = parseArgs({
    options: {
      sentiment: { type: 'boolean', default: false },
      tiny: { type: 'boolean', default: false },
    },
  });
  const { sentiment, tiny } = values;
  const target = join(syntheticDir(), folderName(sentiment, tiny));
  refuseInside(ROOT, target);
  const sizes = sentiment ? TINY_DISTILBERT : TINY;
  for (const { config, ...rest } of sentiment ? [sentimentModel()] : models()) {
    const model = { ...rest, config: tiny ? { ...config, ...sizes } : config };
    const started = Date.now();
    const made = make(model, join(target, model.name));
    const note = made
      ? `made in ${((Date.now() - started) / 1000).toFixed(1)} s`
      : 'is there already';
    console.log(`${join(target, model.name)}: ${note}`);
  }
}

function folderName(sentiment, tiny) {
  if (sentiment) return tiny ? 'tiny-sentiment' : 'sentiment';
  return tiny ? 'tiny' : 'challenge';
}

/** Makes the folder, unless its stamp, which is written last, says that it is complete. */
function make({ name, config, files, labelCount }, folder) {
  const stamp = JSON.stringify({ version: VERSION, config, files: Object.keys(files) });
  const stampFile = join(folder, '.synthetic.json');
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return false;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const [file, source] of Object.entries(files)) copyFileSync(source, join(folder, file));
  writeFileSync(join(folder, 'config.json'), `${JSON.stringify(config, null, 2)}\n`);
  writeSafetensors(join(folder, 'model.safetensors'), tensors(config, labelCount), name);
  writeFileSync(stampFile, stamp);
  return true;
}

/** Stops when `path` lies in `root`, through symbolic links too. */
function refuseInside(root, path) {
  let existing = path;
  while (!existsSync(existing)) existing = dirname(existing);
  const inside = !relative(realpathSync(root), realpathSync(existing)).startsWith('..');
  if (!inside) return;
  console.error(
    `${path} is inside the repository; set CHORUS_SYNTHETIC_DIR to a folder outside it`,
  );
  process.exit(2);
}

main();
