/**
 * Reads a profile file.
 *
 * Every fault of a file is reported at once, each with its line and column; of what is not even YAML,
 * the first few. Whether the models' folders exist is checked in `hub/installed.ts`: `pull` reads
 * profiles whose folders do not exist yet.
 */

import { isUtf8 } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';

import {
  LineCounter,
  isMap,
  isNode,
  isScalar,
  parseDocument,
  visit,
  type Alias,
  type Document,
} from 'yaml';
import type { z } from 'zod';

import { exitCodes, StartError } from '../start-error.js';
import { DEFAULT_PRECISIONS, profileSchema, type Profile, type ProfilePath } from './schema.js';

/** A wrong indent can make faults of all that follows. */
const MAX_YAML_ERRORS = 5;

/**
 * The profile in `file`; folders of models are looked for in `modelsDir`, by default the folder that
 * has the profile's name and lies beside it. A model's own `path` wins over both.
 *
 * @throws {StartError} listing every fault as `file:line:column: what`.
 */
export function readProfile(file: string, modelsDir?: string): Profile {
  const lines = new LineCounter();
  const document = parseDocument(readText(file), { lineCounter: lines, stringKeys: true });
  if (document.errors.length > 0) {
    const told = document.errors.slice(0, MAX_YAML_ERRORS);
    const rest = document.errors.slice(MAX_YAML_ERRORS);
    fail([
      ...told.map(({ pos, message }) => at(pos[0], firstLine(message))),
      ...rest.slice(0, 1).map(({ pos }) => at(pos[0], `and ${rest.length} more from here on`)),
    ]);
  }
  const unresolved = unresolvedAliases(document);
  if (unresolved.length > 0) {
    fail(
      unresolved.map(({ range, source }) =>
        at(range?.[0] ?? 0, `*${source} has no &${source} before it`),
      ),
    );
  }
  const result = profileSchema.safeParse(valueOf());
  if (!result.success) fail(result.error.issues.flatMap((issue) => faultsOf(issue, fault)));
  return toProfile(result.data, file, fault, modelsDir);

  /** What only the value tells: aliases of aliases that would fill the memory, a merge of what is no map. */
  function valueOf(): unknown {
    try {
      return document.toJS();
    } catch (error) {
      return fail([at(0, firstLine((error as Error).message))]);
    }
  }

  function fault(path: ProfilePath, what: string): string {
    return at(offsetOf(document, path), `${nameOf(path)}: ${what}`);
  }

  function at(offset: number, what: string): string {
    const { line, col } = lines.linePos(offset);
    return `${file}:${line}:${col}: ${printable(what)}`;
  }
}

function fail(faults: readonly string[]): never {
  throw new StartError(faults, exitCodes.usage);
}

/** On one line and harmless to a terminal, whatever the file has in it. */
function printable(what: string): string {
  return what.replace(/[\p{Cc}\u2028\u2029]/gu, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

function firstLine(message: string): string {
  return message.split('\n')[0] ?? '';
}

function unresolvedAliases(document: Document): Alias[] {
  const found: Alias[] = [];
  visit(document, {
    Alias(_key, alias) {
      if (alias.resolve(document) === undefined) found.push(alias);
    },
  });
  return found;
}

/** The text of `file`; a graph is not even opened. */
function readText(file: string): string {
  if (file.endsWith('.onnx')) {
    const entry = `\`path: ./${basename(file)}\``;
    fail([
      `${file}:1:1: the profile is an ONNX graph; it has to be a YAML file that has ${entry} for a model`,
    ]);
  }
  const bytes = readBytes(file);
  if (!isUtf8(bytes) || bytes.includes(0)) {
    fail([`${file}:1:1: the profile is no text in UTF-8; it has to be a YAML file`]);
  }
  return bytes.toString('utf8');
}

function readBytes(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new StartError(
      [`Cannot read the profile ${file}: ${(error as Error).message}`],
      exitCodes.usage,
    );
  }
}

function toProfile(
  { name, index, load: usual, models, routes, precisions, golden }: z.infer<typeof profileSchema>,
  file: string,
  fault: Profile['fault'],
  modelsDir = join(dirname(resolve(file)), name),
): Profile {
  const folder = dirname(resolve(file));
  return {
    name,
    file,
    index: index === undefined ? '' : resolve(folder, index),
    models: models.map(
      ({ name, source, path, labels, max_tokens, format, graph, pooling, load }) => ({
        name,
        folder: path === undefined ? resolve(modelsDir, name) : resolve(folder, path),
        source: source && {
          repo: source.repo,
          revision: source.revision,
          weightsRevision: source.weights_revision ?? source.revision,
        },
        labels: labels ?? {},
        maxTokens: max_tokens ?? 0,
        format: format ?? 'auto',
        graph: graph ?? '',
        pooling: pooling ?? '',
        load: load ?? usual,
      }),
    ),
    routes: routes.map(
      ({ path, contract, models: wanted, priority, overload_status, keys, ...options }) => ({
        path,
        contract,
        priority,
        overloadStatus: overload_status,
        keys: keys ?? 'any',
        models: wanted ?? models.map(({ name }) => name),
        options,
      }),
    ),
    precisions: precisions ?? DEFAULT_PRECISIONS,
    golden: golden ?? [],
    fault,
  };
}

/** An issue's faults, one for each unknown key. */
function faultsOf(issue: z.core.$ZodIssue, fault: Profile['fault']): string[] {
  const path = issue.path as (string | number)[];
  if (issue.code !== 'unrecognized_keys') return [fault(path, issue.message)];
  return issue.keys.map((key) => fault([...path, key], 'is not a known key'));
}

function nameOf(path: ProfilePath): string {
  const name = path.map((key) => (isPlain(key) ? `.${key}` : `[${JSON.stringify(key)}]`)).join('');
  return name.replace(/^\./, '') || 'the profile';
}

/** Whether it is a key that needs no quotes. */
function isPlain(key: string | number): boolean {
  return typeof key === 'string' && /^[\w.-]+$/.test(key);
}

/** Where the key at `path` stands or, when it is missing, the nearest thing around it. */
function offsetOf(document: Document, path: ProfilePath): number {
  for (let depth = path.length; depth > 0; depth -= 1) {
    const parent = depth === 1 ? document.contents : document.getIn(path.slice(0, depth - 1), true);
    const key = path[depth - 1];
    if (isMap(parent)) {
      const pair = parent.items.find(({ key: node }) => isScalar(node) && node.value === key);
      if (isScalar(pair?.key) && pair.key.range) return pair.key.range[0];
    }
    const node = document.getIn(path.slice(0, depth), true);
    if (isNode(node) && node.range) return node.range[0];
  }
  return 0;
}
