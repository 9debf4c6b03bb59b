import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import fc from 'fast-check';
import { stringify } from 'yaml';

import { StartError } from '../start-error.js';
import { holds, mutated } from '../testing/properties.js';
import { locateProfile, shippedProfiles } from './locate.js';
import { readProfile } from './read.js';

const folder = mkdtempSync(join(tmpdir(), 'chorus-profile-'));
const file = join(folder, 'own.yaml');
after(() => {
  rmSync(folder, { recursive: true });
});

/** A whole profile takes ten milliseconds. */
const SHARE = 0.2;

/** What YAML gives a meaning, and keys of a profile. */
const FRAGMENTS = [
  ...[
    '*a',
    '&a ',
    '<<: ',
    '!!binary ',
    '!!set ',
    '!x ',
    '? ',
    ': ',
    '- ',
    '| \n',
    '> \n',
    '# ',
    '---\n',
    '...\n',
  ],
  ...[
    '[',
    ']',
    '{',
    '}',
    ',',
    '"',
    "'",
    '\t',
    '\n',
    '\r',
    '  ',
    '\u0000',
    '\ufeff',
    '\u2028',
    '%YAML 1.1\n---\n',
  ],
  ...[
    'name: own\n',
    'models: ',
    'routes: ',
    'labels: ',
    '__proto__: ',
    'constructor: ',
    '1e999',
    '0x1',
    '.nan',
    '~',
  ],
];

/** It is a profile, or every line of the error says where in the file it is wrong. */
function isProfileOrFault(yaml: string): void {
  writeFileSync(file, yaml);
  try {
    readProfile(file);
  } catch (error) {
    assert.ok(error instanceof StartError, String(error));
    assert.equal(error.exitCode, 2);
    assert.ok(error.lines.length > 0);
    for (const line of error.lines) {
      assert.ok(line.startsWith(`${file}:`), line);
      assert.match(line.slice(file.length), /^:[1-9]\d*:[1-9]\d*: .+$/);
    }
  }
}

test('any text is a profile or a fault with its line and column', () =>
  holds(
    fc.property(
      fc.string({ unit: fc.constantFrom(...FRAGMENTS, 'a'), maxLength: 30 }),
      isProfileOrFault,
    ),
  ));

for (const name of shippedProfiles()) {
  test(`${name}, damaged anywhere, is a profile or a fault with its line and column`, () => {
    const damaged = mutated(readFileSync(locateProfile(name), 'utf8'), FRAGMENTS);
    return holds(fc.property(damaged, isProfileOrFault), SHARE);
  });
}

test('any value in any place of a profile is taken or a fault with its line and column', () => {
  const model = fc.constantFrom(
    'name',
    'source',
    'path',
    'labels',
    'max_tokens',
    'format',
    'graph',
    'pooling',
  );
  const route = fc.constantFrom('path', 'contract', 'models', 'priority', 'overload_status');
  const list = (key: fc.Arbitrary<string>) =>
    fc.oneof(fc.jsonValue(), fc.array(fc.dictionary(key, fc.jsonValue())));
  const profile = fc.record({
    name: fc.oneof(fc.constant('own'), fc.jsonValue()),
    models: list(model),
    routes: list(route),
    precisions: fc.jsonValue(),
    golden: fc.jsonValue(),
  });
  return holds(
    fc.property(profile, (value) => {
      isProfileOrFault(stringify(value));
    }),
    SHARE,
  );
});
