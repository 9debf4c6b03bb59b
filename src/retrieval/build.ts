/**
 * From a corpus to a generation of an index.
 *
 * The corpus is read to its end first, so that what is wrong with it is told before hours of work. Then its texts are
 * embedded, and each vector is written as it comes: a build that was interrupted goes on behind the last one, where
 * corpus, encoder and fields are the same. What it makes is tried before it gets its place.
 */

import { existsSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';

import type { Engine, ModelInfo } from '../engine/engine.js';
import {
  GRAPH_FILE,
  VECTOR_FILES,
  VectorWriter,
  WriteError,
  writeGraph,
} from '../engine/native-index.js';
import { Lock } from '../files/lock.js';
import { isNotAllowed } from '../files/not-allowed.js';
import { writeWhole } from '../files/replace-file.js';
import { StartError } from '../start-error.js';
import { readCorpus, type CorpusSummary } from './corpus.js';
import { embed } from './embed.js';
import { sha256OfFile } from './file-digest.js';
import { goldenOf } from './golden.js';
import type { IndexDirectory } from './index-directory.js';
import {
  fileNames,
  MANIFEST,
  manifestText,
  readManifest,
  sha256Of,
  type Manifest,
} from './manifest.js';
import { OpenIndex } from './open-index.js';
import { documentPrompt } from './prompts.js';
import type { Progress } from './publisher.js';
import { isEnough, recallText } from './recall.js';
import { RowFiles } from './row-files.js';
import { requireCosine } from './trial.js';

export interface BuildParts {
  readonly directory: IndexDirectory;
  readonly generation: string;
  /** The corpus' file. */
  readonly corpus: string;
  /** Keys of the corpus that rows can be filtered by. */
  readonly fields: readonly string[];
  /** A graph that leads to what is found; nothing: the search is exact. */
  readonly graph?: GraphOptions | undefined;
  readonly engine: Engine;
  readonly encoder: ModelInfo;
  readonly progress: Progress;
}

export interface GraphOptions {
  /** That make it; 0: one for each core that the process may use. One makes the same file each time. */
  readonly threads: number;
  /** So many of so many rows are in it. */
  readonly onAdded: (rows: number, of: number) => void;
}

export interface Built {
  readonly manifest: Manifest;
  /** Rows that an interrupted build had embedded already. */
  readonly resumed: number;
}

/** Texts of one request to the engine: enough for full batches of any length. */
const TEXTS = 256;
/** Of them, requests that the engine has at a time: one runs while the last one is written. */
const IN_FLIGHT = 2;

const BEGUN = 'begun.json';

/**
 * @throws {StartError} when the corpus is faulty, a generation of that name is there, or the disk is full.
 */
export async function build(parts: BuildParts): Promise<Built> {
  const { directory, generation } = parts;
  if (directory.has(generation)) return builtBefore(parts);
  const folder = join(directory.building, generation);
  try {
    made(folder, directory.path);
    return await lockedBuild(folder, parts);
  } catch (error) {
    throw told(error, folder);
  }
}

/** What is there already, where it is what would be built: then the build was done, and what followed was interrupted. */
async function builtBefore(parts: BuildParts): Promise<Built> {
  const { directory, generation, corpus, encoder, fields, graph } = parts;
  const folder = directory.folderOf(generation);
  const { manifest } = await readManifest(folder);
  const isSame =
    manifest.corpus.sha256 === sha256OfFile(corpus) &&
    manifest.encoder.space === encoder.space &&
    manifest.encoder.prompt === documentPrompt(encoder) &&
    manifest.fields.map(({ name }) => name).join() === fields.join() &&
    (manifest.graph !== undefined) === (graph !== undefined);
  if (isSame) return { manifest, resumed: manifest.rows };
  throw new StartError([
    `${folder} is there already, of another corpus, encoder or fields, and generations are never written again; give ` +
      `another name with --generation, or serve it by chorus index publish ${generation}.`,
  ]);
}

async function lockedBuild(folder: string, parts: BuildParts): Promise<Built> {
  const lock = Lock.take(`${folder}.lock`);
  try {
    return await buildIn(folder, parts);
  } finally {
    lock.release();
  }
}

async function buildIn(folder: string, parts: BuildParts): Promise<Built> {
  const { corpus, directory, encoder, engine, fields, generation, graph, progress } = parts;
  requireCosine(encoder);
  const prompt = documentPrompt(encoder);
  const rowFiles = new RowFiles(folder, fields);
  const summary = await readCorpus(corpus, fields, (line) => {
    rowFiles.add(line);
  });
  if (summary.faults.length > 0) throw new StartError(summary.faults);
  for (const [key, lines] of summary.leftOut) {
    progress.note(`${key} is left out, in ${lines} lines; to filter by it: --fields ${key}`);
  }
  const fieldsOf = rowFiles.finish();
  const { rows, duplicates } = rowFiles;
  startOver(folder, { corpus: summary.sha256, encoder: encoder.space, fields, prompt });

  const writer = new VectorWriter(folder, encoder.dimensions);
  const resumed = Math.min(writer.rows, rows);
  if (resumed > 0) progress.note(`${resumed} of ${rows} rows have their vectors already`);
  const truncated = await embedRows(folder, parts, summary, { writer, rows, resumed, prompt });
  const error = await writer.finish();

  const { dimensions } = writer;
  // Of an interrupted build; whether there is to be one changes nothing of the vectors, which are kept.
  rmSync(join(folder, GRAPH_FILE), { force: true });
  if (graph !== undefined) {
    const onAdded = (added: number) => {
      graph.onAdded(added, rows);
    };
    await writeGraph({ folder, dimensions, rows, threads: graph.threads, onAdded });
  }
  const shape = { rows, dimensions, error, graph: graph !== undefined };
  const { golden, ...recall } = await goldenOf(folder, shape, fields.length);
  if (graph !== undefined && !isEnough(recall)) {
    throw new StartError([
      `A graph does not suit this corpus: ${recallText(recall)}, and 95 % of each is wanted; the same command without ` +
        '--hnsw goes on, and its search is exact.',
    ]);
  }
  const manifest: Omit<Manifest, 'format'> = {
    generation,
    created: new Date().toISOString(),
    encoder: {
      model: encoder.name,
      space: encoder.space,
      architecture: encoder.architecture,
      precision: encoder.precision,
      prompt,
    },
    dimensions,
    rows,
    error,
    fields: fieldsOf,
    corpus: { sha256: summary.sha256, bytes: summary.bytes },
    statistics: {
      duplicateTexts: duplicates,
      truncatedTexts: resumed > 0 ? null : truncated,
      ...recall,
    },
    golden,
    ...(graph !== undefined && { graph: 'hnsw' as const }),
    files: fileNames(graph !== undefined).map((name) => {
      const path = join(folder, name);
      return { name, bytes: statSync(path).size, sha256: sha256OfFile(path) };
    }),
  };
  const text = manifestText(manifest);
  writeWhole(join(folder, MANIFEST), text);
  // Tried where it lies: what gets a place among generations can be served.
  const opened = await OpenIndex.open(folder, { engine, encoder, expected: sha256Of(text) });
  opened.retire();
  rmSync(join(folder, BEGUN));
  directory.settle(generation);
  return { manifest: opened.manifest, resumed };
}

/** Removes vectors of another corpus or encoder, which an interrupted build of the same name has left. */
function startOver(folder: string, begun: object): void {
  const file = join(folder, BEGUN);
  const text = JSON.stringify(begun);
  if (existsSync(file) && readFileSync(file, 'utf8') === text) return;
  for (const name of VECTOR_FILES) rmSync(join(folder, name), { force: true });
  writeWhole(file, text);
}

interface Rows {
  readonly writer: VectorWriter;
  readonly rows: number;
  readonly resumed: number;
  readonly prompt: string;
}

/** Embeds what has no vector yet; gives the number of those texts that were cut. */
async function embedRows(
  folder: string,
  { corpus, fields, engine, encoder, progress }: BuildParts,
  summary: CorpusSummary,
  { writer, rows, resumed, prompt }: Rows,
): Promise<number> {
  let truncated = 0;
  let row = 0;
  let texts: string[] = [];
  const running: { readonly first: number; readonly answer: ReturnType<typeof embed> }[] = [];
  const write = async () => {
    const next = running.shift();
    if (next === undefined) return;
    const embedded = await next.answer;
    truncated += embedded.filter(({ isTruncated }) => isTruncated).length;
    const refused = writer.append(embedded.map(({ vector }) => vector));
    if (refused !== undefined) {
      const which = `row ${next.first + refused.row + 1} of ${corpus}`;
      throw new StartError([`${which}: ${refused.message}; the encoder cannot be used for it.`]);
    }
    progress.done(writer.rows, rows);
  };
  const ask = async () => {
    if (texts.length === 0) return;
    running.push({ first: row - texts.length, answer: embed(engine, encoder.name, texts) });
    texts = [];
    if (running.length >= IN_FLIGHT) await write();
  };
  const again = await readCorpus(corpus, fields, async ({ text }) => {
    row += 1;
    if (row <= resumed) return;
    texts.push(prompt + text);
    if (texts.length === TEXTS) await ask();
  });
  await ask();
  while (running.length > 0) await write();
  if (again.sha256 !== summary.sha256) {
    // Whose vectors there are, nobody knows: nothing goes on behind them.
    rmSync(join(folder, BEGUN));
    throw new StartError([`${corpus} has changed while it was read; build again.`]);
  }
  return truncated;
}

/** @throws {StartError} when `folder` cannot be made in the index' folder, which this user may not write to. */
function made(folder: string, index: string): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOTDIR' || code === 'EEXIST') {
      throw new StartError([`${index} is not a folder; an index is made in one.`]);
    }
    // Of a file system that is read-only, Node says that there is no such folder.
    const isReadOnly = code === 'ENOENT' && existsSync(index);
    if (!isNotAllowed(error) && !isReadOnly) throw error;
    throw new StartError([
      `${index} cannot be written to by this user (${isReadOnly ? 'EROFS' : code}); build where it can, and copy ` +
        'the generation.',
    ]);
  }
}

/** What the file system says, as a line. */
function told(error: unknown, folder: string): unknown {
  const { code, message } = error as NodeJS.ErrnoException;
  if (!(error instanceof WriteError) && code === undefined) return error;
  return new StartError([
    `${message}. What was made is kept in ${folder}; the same command goes on.`,
  ]);
}
