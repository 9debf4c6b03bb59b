/**
 * The starter models in a folder of their own, with a file that is damaged.
 */

import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

import { runChorus } from '../testing/chorus-process.js';

const STARTER = fileURLToPath(new URL('../../models/starter/', import.meta.url));
const MODELS = ['cardiffnlp', 'ivanlau', 'svalabs', 'EIStakovskii', 'jy46604790'] as const;

type Model = (typeof MODELS)[number];

/** A folder with the starter models, to be damaged. */
export function modelsOf(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'chorus-models-'));
  context.after(() => {
    rmSync(folder, { recursive: true });
  });
  for (const model of MODELS) {
    cpSync(join(STARTER, model), join(folder, model), { recursive: true });
  }
  return folder;
}

/** What a start says that must fail with 1 once `damage` is done to a file of a model. */
export async function refusedWith(
  context: TestContext,
  model: Model,
  file: string,
  damage: (bytes: Buffer) => Buffer,
): Promise<string> {
  const folder = modelsOf(context);
  const path = join(folder, model, file);
  writeFileSync(path, damage(readFileSync(path)));
  const ports = ['--port', '0', '--admin-port', '0'];
  const { code, stderr } = await runChorus(['serve', 'starter', '--models-dir', folder, ...ports]);
  assert.equal(code, 1, stderr);
  assert.match(stderr, /^chorus: [^\n]*\n$/, 'one line, and no stack');
  return stderr;
}

export function flipped(bytes: Buffer, at: number): Buffer {
  const other = Buffer.from(bytes);
  other[at] = (other[at] ?? 0) ^ 0x80;
  return other;
}

export function withoutWords(bytes: Buffer): Buffer {
  const tokenizer = JSON.parse(bytes.toString()) as { model: Record<string, unknown> };
  const { vocab, merges } = tokenizer.model;
  tokenizer.model.vocab = Array.isArray(vocab) ? [] : {};
  if (merges !== undefined) tokenizer.model.merges = [];
  return Buffer.from(JSON.stringify(tokenizer));
}
