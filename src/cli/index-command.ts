/**
 * `chorus index`: builds generations of an index from a corpus, and says which one is served.
 */

import { statSync } from 'node:fs';

import { sizeOf } from '../hub/progress.js';
import { build } from '../retrieval/build.js';
import type { IndexDirectory } from '../retrieval/index-directory.js';
import { bytesOf, GENERATION_NAME } from '../retrieval/manifest.js';
import { collect, list, publish, rollback, verify } from '../retrieval/publish.js';
import { exitCodes, StartError } from '../start-error.js';
import type { Command } from './command.js';
import { requireServable } from './described.js';
import { argumentsOf, directoryOf, passedOn, PROFILE, requireNone } from './index-arguments.js';
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
  help: () => `Usage: chorus index build <corpus.jsonl> [--generation NAME] [--fields KEY,KEY] [--publish] [options]
       chorus index publish <generation> [options]
       chorus index rollback [options]
       chorus index list [--json] [options]
       chorus index verify [generation…] [options]
       chorus index gc [--keep COUNT] [options]

build embeds the lines of a corpus, {"text":"…"} with id, match and other keys, into a generation, which is never
written again; where it was interrupted, the same command goes on. NAME is by default the time.
publish serves a generation; services that run follow within a second. rollback serves the one before.
verify reads every file of generations, of all by default. gc removes those before the last ${KEEP}, or COUNT, that were
served, and builds that were interrupted.

  --fields KEY,KEY   Keys of the corpus that can be filtered by
  --publish          Publish it when it is built

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
    publish: { type: 'boolean', default: false },
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
  const config = engineConfig(settings, served.profile);
  await requireServable(config, served.profile);
  const engine = await loadEngine(config, served.profile);
  try {
    const begun = performance.now();
    const progress = progressOn(process.stderr);
    const { manifest, resumed } = await build({
      directory,
      generation,
      corpus,
      fields,
      engine,
      encoder: encoderIn(engine, encoder),
      progress,
    }).finally(progress.stop);
    const seconds = (performance.now() - begun) / 1000;
    const { rows, dimensions, statistics } = manifest;
    const { duplicateTexts, truncatedTexts } = statistics;
    const notes = [
      ...(resumed > 0 ? [`${resumed} of them embedded before`] : []),
      ...(duplicateTexts > 0 ? [`${duplicateTexts} with the text of another`] : []),
      ...(truncatedTexts ? [`${truncatedTexts} longer than the encoder reads`] : []),
    ];
    process.stdout.write(
      `${generation}: ${rows} rows of ${dimensions} dimensions in ${seconds.toFixed(1)} s` +
        `${notes.map((note) => `; ${note}`).join('')}\n`,
    );
    if (values.publish === true) await publishIn(directory, generation);
  } finally {
    await engine.close();
  }
}

async function publishOne(args: readonly string[]): Promise<void> {
  const { positionals, settings } = argumentsOf(args);
  const [generation, ...others] = positionals;
  if (generation === undefined || others.length > 0) {
    throw new StartError(['Give one generation; chorus index list shows them.'], exitCodes.usage);
  }
  await publishIn(directoryOf(settings), generation);
}

async function publishIn(directory: IndexDirectory, generation: string): Promise<void> {
  const outcome = await publish(directory, generation);
  process.stdout.write(
    outcome === 'published'
      ? `${generation} is published in ${directory.path}\n`
      : `${generation} was published already\n`,
  );
}

async function rollbackOne(args: readonly string[]): Promise<void> {
  const { positionals, settings } = argumentsOf(args);
  requireNone(positionals);
  const directory = directoryOf(settings);
  process.stdout.write(`${await rollback(directory)} is served again in ${directory.path}\n`);
}

function listAll(args: readonly string[]): Promise<void> {
  const { values, positionals, settings } = argumentsOf(args, {
    json: { type: 'boolean', default: false },
  });
  requireNone(positionals);
  const directory = directoryOf(settings);
  directory.require();
  const all = list(directory).map(({ generation, state, manifest }) => ({
    generation,
    state,
    ...(manifest && {
      created: manifest.created,
      rows: manifest.rows,
      dimensions: manifest.dimensions,
      bytes: bytesOf(manifest),
      encoder: manifest.encoder,
      fields: manifest.fields.map(({ name }) => name),
    }),
  }));
  if (values.json === true) {
    process.stdout.write(`${JSON.stringify(all, null, 2)}\n`);
    return Promise.resolve();
  }
  const rows = all.map(({ generation, state, created = '', rows, bytes, encoder }) => [
    generation,
    state,
    created,
    rows === undefined ? '' : String(rows),
    bytes === undefined ? '' : sizeOf(bytes),
    encoder === undefined ? '' : `${encoder.model} ${encoder.precision}`,
  ]);
  process.stdout.write(
    textTable(['GENERATION', 'STATE', 'CREATED', 'ROWS', 'SIZE', 'ENCODER'], rows),
  );
  return Promise.resolve();
}

async function verifySome(args: readonly string[]): Promise<void> {
  const { positionals, settings } = argumentsOf(args);
  const directory = directoryOf(settings);
  directory.require();
  const names = positionals.length === 0 ? directory.names() : positionals;
  const faults: string[] = [];
  for (const name of names) {
    try {
      const { manifest } = await verify(directory, name);
      process.stdout.write(`${name}: ${manifest.rows} rows, every file is as it was written\n`);
    } catch (error) {
      if (!(error instanceof StartError)) throw error;
      faults.push(...error.lines);
    }
  }
  if (faults.length > 0) throw new StartError(faults, exitCodes.failed);
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
  const removed = await collect(directoryOf(settings), Number(written));
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
    [`--generation is "${name}"; it must be letters, digits, ".", "_" and "-", at most 100.`],
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
