/**
 * The profile classic without any locale: letters are made small by the engine, and not by what the machine knows of
 * languages.
 */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { startChorus } from './running-chorus.js';

const SERVED = { profile: 'classic', path: '/predict' };

/** Capitals, those among them whose small letters are two, or depend on where they stand. */
const TEXTS = [
  'THE GOALIE STOPPED THE PUCK ON THE ICE',
  'THE PUCK ON THE İCE',
  'ΟΔΟΣ ΣΤΟΝ ΠΑΓΟ: HOCKEY',
  'STRAẞE, ǅ, ﬀ AND Ⅷ: A CIPHER WITH A SECRET KEY',
];

/** The answers of a service in this environment, as bytes. */
async function answersIn(
  environment: Readonly<Record<string, string>>,
  texts: readonly string[],
): Promise<string> {
  const { process, post } = await startChorus([], environment, SERVED);
  const response = await post(JSON.stringify({ text: texts }));
  assert.equal(response.status, 200);
  const body = await response.text();
  process.signal('SIGTERM');
  await process.finished();
  return body;
}

test('capitals are read as small letters, with a locale or without', async (context) => {
  const empty = mkdtempSync(join(tmpdir(), 'chorus-no-locales-'));
  context.after(() => {
    rmSync(empty, { recursive: true });
  });
  const small = TEXTS.map((text) => text.toLowerCase());
  const expected = await answersIn({ LANG: 'C.UTF-8', LC_ALL: 'C.UTF-8' }, small);
  for (const environment of [
    { LANG: 'C.UTF-8', LC_ALL: 'C.UTF-8' },
    { LOCPATH: empty },
    // Named, and not to be found.
    { LOCPATH: empty, LC_ALL: 'tr_TR.UTF-8' },
  ]) {
    assert.equal(await answersIn(environment, TEXTS), expected, JSON.stringify(environment));
  }
});

test('a dotted capital İ is an i and its dot, as str.lower has it, and no i alone', async () => {
  const [dotted, ice, apart] = [
    'THE PUCK ON THE İCE',
    'THE PUCK ON THE ICE',
    'the puck on the i\u0307ce',
  ];
  const answer = JSON.parse(await answersIn({}, [dotted, ice, apart])) as {
    readonly predictions: readonly unknown[];
  };
  const [ofDotted, ofIce, ofApart] = answer.predictions;
  assert.deepEqual(ofDotted, ofApart);
  assert.notDeepEqual(ofDotted, ofIce);
});
