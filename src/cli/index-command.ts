/**
 * `chorus index`: builds generations of an index from a corpus, and says which one is served.
 */

import { statSync } from 'node:fs';

import { flagOf } from '../config/settings.js';
import { sizeOf } from '../hub/progress.js';
import { build } from '../retrieval/build.js';
import { GENERATION_NAME } from '../retrieval/manifest.js';
import type { Publisher } from '../retrieval/publisher.js';
import { recallText } from '../retrieval/recall.js';
import { exitCodes, StartError } from '../start-error.js';
import type { Command } from './command.js';
import { requireServable } from './described.js';
import {
  argumentsOf,
  copyOptions,
  directoryOf,
  passedOn,
  PROFILE,
  publisherOf,
  requireNone,
} from './index-arguments.js';
import { progressOn } from './index-progress.js';
import { engineConfig, loadEngine } from './profile-engine.js';
import { encoderIn, encoderOf } from './served-index.js';
import { servedBy } from './served.js';
import { textTable } from './table.js';

const KEEP = 2;

const actions: Readonly<Record<string, (args: readonly string[]) => Promise<void>>> = {
  build: buildOne,
  publish: publishOne,
  rollback: rollbackOne,
  list: listAll,
  verify: verifySome,
  gc: collectAll,
};

export const index: Command = {
  name: 'index',
  usage: Object.keys(actions).join('|'),
  summary: 'Build an index of a corpus, and say which generation is served',
  help: () => `Usage: chorus index build <corpus.jsonl> [--generation NAME] [--fields KEY,KEY] [--hnsw] [--publish] [options]
       chorus index publish <generation> [--replicas COUNT] [--shards COUNT] [options]
       chorus index rollback [options]
       chorus index list [--json] [options]
       chorus index verify [generation…] [options]
       chorus index gc [--keep COUNT] [options]

build embeds the lines of a corpus, {"text":"…"} with id, match and other keys, into a generation, which is never
written again; where it was interrupted, the same command goes on. NAME is by default the time.
publish serves a generation; services that run follow within a second. rollback serves the one before.
verify reads every file of generations, of all by default. gc removes those before the last ${KEEP}, or COUNT, that were
served, and what was interrupted. With ${flagOf('indexStore')} a generation is published there, from the folder; what the store
has needs no folder any more.

  --fields KEY,KEY   Keys of the corpus that can be filtered by
  --hnsw             Make a graph as well, which leads to what is near without a look at every line: faster from a million
                     lines on, and not exact
  --publish          Publish it when it is built
  --replicas COUNT   Nodes of the store that have each line, by default 3 where it has so many
  --shards COUNT     Parts in the store, by default 1
  --wait DURATION    Longest wait for nodes of the store that do not answer, by default 30s

Options, as of chorus serve: ${passedOn.toString()};
the profile, by default ${PROFILE}, says which encoder.
`,
  async run([what = '', ...args]) {
    const action = Object.hasOwn(actions, what) ? actions[what] : undefined;
    if (action !== undefined) return action(args).catch(told);
    throw new StartError([`Give what to do: ${Object.keys(actions).join(', ')}.`], exitCodes.usage);
  },
};

async function buildOne(args: readonly string[]): Promise<void> {
  const { values, positionals, settings } = argumentsOf(args, {
    generation: { type: 'string' },
    fields: { type: 'string', default: '' },
    hnsw: { type: 'boolean', default: false },
    publish: { type: 'boolean', default: false },
    ...copyOptions,
  });
  const [corpus, ...others] = positionals;
  if (corpus === undefined || others.length > 0) {
    throw new StartError(['Give one corpus, a file of JSON lines.'], exitCodes.usage);
  }
  requireFile(corpus);
  const generation = nameOf(values.generation);
  const fields = fieldsOf(String(values.fields));
  const served = servedBy(settings);
  const encoder = encoderOf(served);
  if (encoder === undefined) {
    throw new StartError(
      [
        `No route of ${served.profile.name} looks in an index; one with the contract retrieve does.`,
      ],
      exitCodes.usage,
    );
  }
  const directory = directoryOf(settings, served);
  const publisher = publisherOf(settings, values, served);
  if (values.hnsw === true && settings.indexStore.length > 0) {
    throw new StartError(
      [`--hnsw is of a folder; ${flagOf('indexStore')} has a graph of its own.`],
      exitCodes.usage,
    );
  }
  const config = engineConfig(settings, served.profile);
  await requireServable(config, served.profile);
  const engine = await loadEngine(config, served.profile);
  try {
    const begun = performance.now();
    const progress = progressOn(process.stderr, 'embedded');
    const linked = progressOn(process.stderr, 'linked');
    const onAdded = (rows: number, of: number) => {
      progress.stop();
      linked.done(rows, of);
    };
    const { manifest, resumed } = await build({
      directory,
      generation,
      corpus,
      fields,
      graph: values.hnsw === true ? { threads: settings.lanes, onAdded } : undefined,
      engine,
      encoder: encoderIn(engine, encoder),
      progress,
    }).finally(() => {
      progress.stop();
      linked.stop();
    });
    const seconds = (performance.now() - begun) / 1000;
    const { rows, dimensions, statistics } = manifest;
    const { duplicateTexts, truncatedTexts } = statistics;
    const notes = [
      ...(resumed > 0 ? [`${resumed} of them embedded before`] : []),
      ...(duplicateTexts > 0 ? [`${duplicateTexts} with the text of another`] : []),
      ...(truncatedTexts ? [`${truncatedTexts} longer than the encoder reads`] : []),
      ...(values.hnsw === true ? [`a graph, ${recallText(statistics)}`] : []),
    ];
    process.stdout.write(
      `${generation}: ${rows} rows of ${dimensions} dimensions in ${seconds.toFixed(1)} s` +
        `${notes.map((note) => `; ${note}`).join('')}\n`,
    );
    if (values.publish === true) await publishIn(publisher, generation);
  } finally {
    await engine.close();
  }
}

async function publishOne(args: readonly string[]): Promise<void> {
  const { values, positionals, settings } = argumentsOf(args, copyOptions);
  const [generation, ...others] = positionals;
  if (generation === undefined || others.length > 0) {
    throw new StartError(['Give one generation; chorus index list shows them.'], exitCodes.usage);
  }
  await publishIn(publisherOf(settings, values), generation);
}

async function publishIn(publisher: Publisher, generation: string): Promise<void> {
  const progress = progressOn(process.stderr, 'copied');
  const outcome = await publisher.publish(generation, progress).finally(progress.stop);
  process.stdout.write(
    outcome === 'published'
      ? `${generation} is published in ${publisher.place}\n`
      : `${generation} was published already\n`,
  );
}

async function rollbackOne(args: readonly string[]): Promise<void> {
  const { values, positionals, settings } = argumentsOf(args);
  requireNone(positionals);
  const publisher = publisherOf(settings, values);
  process.stdout.write(`${await publisher.rollback()} is served again in ${publisher.place}\n`);
}

async function listAll(args: readonly string[]): Promise<void> {
  const { values, positionals, settings } = argumentsOf(args, {
    json: { type: 'boolean', default: false },
  });
  requireNone(positionals);
  const all = await publisherOf(settings, values).list();
  if (values.json === true) {
    const flat = all.map(({ about, ...listed }) => ({ ...listed, ...about }));
    process.stdout.write(`${JSON.stringify(flat, null, 2)}\n`);
    return;
  }
  const rows = all.map(({ generation, state, about }) => [
    generation,
    state,
    about?.created ?? '',
    about === undefined ? '' : String(about.rows),
    about?.bytes === undefined ? '' : sizeOf(about.bytes),
    about?.search ?? '',
    about === undefined ? '' : `${about.encoder.model} ${about.encoder.precision}`,
  ]);
  process.stdout.write(
    textTable(['GENERATION', 'STATE', 'CREATED', 'ROWS', 'SIZE', 'SEARCH', 'ENCODER'], rows),
  );
}

async function verifySome(args: readonly string[]): Promise<void> {
  const { values, positionals, settings } = argumentsOf(args);
  const publisher = publisherOf(settings, values);
  const names = positionals.length === 0 ? await namesIn(publisher) : positionals;
  const faults: string[] = [];
  for (const name of names) {
    try {
      const { rows, search, recall } = await publisher.verify(name);
      const how = search === 'exact' ? '' : `; approximate, by a graph: ${recallText(recall)}`;
      process.stdout.write(`${name}: ${rows} rows, all of it is as it was written${how}\n`);
    } catch (error) {
      if (!(error instanceof StartError)) throw error;
      faults.push(...error.lines);
    }
  }
  if (faults.length > 0) throw new StartError(faults, exitCodes.failed);
}

/** Those that are whole, or should be. */
async function namesIn(publisher: Publisher): Promise<readonly string[]> {
  const all = await publisher.list();
  return all.filter(({ state }) => state !== 'unfinished').map(({ generation }) => generation);
}

async function collectAll(args: readonly string[]): Promise<void> {
  const { values, positionals, settings } = argumentsOf(args, {
    keep: { type: 'string', default: String(KEEP) },
  });
  requireNone(positionals);
  const written = String(values.keep);
  if (!/^\d{1,3}$/.test(written)) {
    throw new StartError(
      [`--keep is "${written}"; it must be a number of generations, such as ${KEEP}.`],
      exitCodes.usage,
    );
  }
  const removed = await publisherOf(settings, values).collect(Number(written));
  process.stdout.write(
    removed.length === 0 ? 'nothing to remove\n' : `removed ${removed.join(', ')}\n`,
  );
}

/** Keys of a corpus, each once. */
function fieldsOf(written: string): readonly string[] {
  const names = written === '' ? [] : written.split(',').map((name) => name.trim());
  const wrong = names.find(
    (name, at) =>
      ['', 'id', 'text', 'match', '__proto__'].includes(name) || names.indexOf(name) < at,
  );
  if (wrong === undefined) return names;
  throw new StartError(
    [
      `--fields is "${written}"; it must be keys of the corpus besides id, text and match, each once, ` +
        'such as topic,year.',
    ],
    exitCodes.usage,
  );
}

/** What the file system says, as a line. */
function told(error: unknown): never {
  const { code, message } = error as NodeJS.ErrnoException;
  throw error instanceof StartError || code === undefined ? error : new StartError([`${message}.`]);
}

/** The name of a generation, by default the time in UTC: names that sort as they were made. */
function nameOf(stated: string | boolean | undefined): string {
  const name =
    typeof stated === 'string'
      ? stated
      : new Date().toISOString().slice(0, 19).replaceAll(':', '-');
  if (GENERATION_NAME.test(name)) return name;
  throw new StartError(
    [
      `--generation is "${name}"; it must be letters, digits, ".", "_" and "-", at most 100, and not end in .lock or .removed.`,
    ],
    exitCodes.usage,
  );
}

function requireFile(corpus: string): void {
  try {
    if (statSync(corpus).isFile()) return;
  } catch (error) {
    throw new StartError([`${corpus}: ${(error as Error).message}`], exitCodes.usage);
  }
  throw new StartError([`${corpus} is not a file.`], exitCodes.usage);
}
