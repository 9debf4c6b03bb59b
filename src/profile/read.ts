/**
 * Reads a profile file.
 *
 * Every fault of a file is reported at once, each with its line and column. Whether the models'
 * folders exist is checked in `hub/installed.ts`: `pull` reads profiles whose folders do not exist yet.
 */

import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

import { LineCounter, isMap, isNode, isScalar, parseDocument, type Document } from 'yaml';
import type { z } from 'zod';

import { exitCodes, StartError } from '../start-error.js';
import { DEFAULT_PRECISIONS, profileSchema, type Profile, type ProfilePath } from './schema.js';

/**
 * The profile in `file`; folders of models are looked for in `modelsDir`, by default the folder that
 * has the profile's name and lies beside it. A model's own `path` wins over both.
 *
 * @throws {StartError} listing every fault as `file:line:column: what`.
 */
export function readProfile(file: string, modelsDir?: string): Profile {
  const lines = new LineCounter();
  const document = parseDocument(readText(file), { lineCounter: lines });
  if (document.errors.length > 0) {
    fail(document.errors.map(({ pos, message }) => at(pos[0], message.split('\n')[0] ?? '')));
  }
  const result = profileSchema.safeParse(document.toJS());
  if (!result.success) fail(result.error.issues.flatMap((issue) => faultsOf(issue, fault)));
  return toProfile(result.data, file, fault, modelsDir);

  function fault(path: ProfilePath, what: string): string {
    return at(offsetOf(document, path), `${nameOf(path)}: ${what}`);
  }

  function at(offset: number, what: string): string {
    const { line, col } = lines.linePos(offset);
    return `${file}:${line}:${col}: ${what}`;
  }
}

function fail(faults: readonly string[]): never {
  throw new StartError(faults, exitCodes.usage);
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new StartError(
      [`Cannot read the profile ${file}: ${(error as Error).message}`],
      exitCodes.usage,
    );
  }
}

function toProfile(
  { name, load: usual, models, routes, precisions, golden }: z.infer<typeof profileSchema>,
  file: string,
  fault: Profile['fault'],
  modelsDir = join(dirname(resolve(file)), name),
): Profile {
  const folder = dirname(resolve(file));
  return {
    name,
    file,
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
  const name = path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${key}`)).join('');
  return name.replace(/^\./, '') || 'the profile';
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
