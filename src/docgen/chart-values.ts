/**
 * The values of the Helm chart, as `helm/values.yaml` says them: the comment above a key is its text.
 */

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { isMap, isScalar, parseDocument, type Pair } from 'yaml';

export interface ChartValue {
  /** Such as `image.tag`. */
  readonly path: string;
  /** As JSON. */
  readonly default: string;
  readonly meaning: string;
}

export const chartFolder = fileURLToPath(new URL('../../helm/', import.meta.url));

/**
 * Every value with a comment; what lies under one belongs to it.
 *
 * @throws {Error} when a value has no comment, nor anything above it.
 */
export function chartValues(
  text = readFileSync(`${chartFolder}values.yaml`, 'utf8'),
): ChartValue[] {
  const { contents } = parseDocument(text);
  if (!isMap(contents)) throw new Error('helm/values.yaml is not a map');
  return contents.items.flatMap((pair) => valuesOf(pair, '', ''));
}

/** `leading` is a comment that the parser gave to the map, since `pair` is its first. */
function valuesOf({ key, value }: Pair, above: string, leading: string): ChartValue[] {
  if (!isScalar(key)) throw new Error(`helm/values.yaml: a key under "${above}" is not text`);
  const path = `${above}${String(key.value)}`;
  const comment = (key.commentBefore ?? leading).trim().replace(/\s*\n\s*/g, ' ');
  if (comment !== '') {
    const json = JSON.stringify((value as { toJSON(): unknown }).toJSON());
    return [{ path, default: json, meaning: comment }];
  }
  if (!isMap(value) || value.items.length === 0) {
    throw new Error(`helm/values.yaml: ${path} has no comment`);
  }
  const { items, commentBefore } = value;
  return items.flatMap((pair, index) =>
    valuesOf(pair, `${path}.`, index === 0 ? (commentBefore ?? '') : ''),
  );
}
