import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { StartError } from '../start-error.js';
import { holds } from '../testing/properties.js';
import { loadSettings } from './load.js';
import { envOf, flagNames, flagOf, settingNames, settings } from './settings.js';

/** What nobody may see, wherever it is given. */
const SECRET = 'qzvxj';

const word = fc.oneof(
  fc.constantFrom(
    '',
    '-',
    '--',
    '=',
    '0',
    '1',
    '-1',
    '1e9',
    '8080',
    '64KiB',
    '25s',
    '99h',
    'true',
    'false',
    'auto',
  ),
  fc.constantFrom('__proto__', 'constructor', 'redis://host', `redis://:${SECRET}@host:x/`),
  fc.string({ unit: 'binary', maxLength: 12 }),
);
const flag = fc.oneof(
  fc.constantFrom(...flagNames.map(flagOf), '--__proto__', '--constructor', '-p'),
  word,
);
const args = fc.array(
  fc.oneof(
    flag,
    fc.tuple(flag, word).map(([flag, word]) => `${flag}=${word}`),
  ),
  { maxLength: 8 },
);
const variable = fc.constantFrom(...settingNames.map(envOf), 'CHORUS_', 'CHORUS___PROTO__', 'PATH');
const environment = fc.dictionary(variable, word, { maxKeys: 6 });

test('any flags and variables are settings of the right kinds, or faults', () =>
  holds(
    fc.property(args, environment, (args, environment) => {
      try {
        const loaded = loadSettings(args, environment);
        for (const name of settingNames) {
          const usual = settings[name].kind.schema.parse(settings[name].default);
          assert.equal(typeof loaded.settings[name], typeof usual, name);
        }
      } catch (error) {
        assert.ok(error instanceof StartError, String(error));
        assert.equal(error.exitCode, 2);
        assert.ok(error.lines.length > 0);
      }
    }),
  ));

test('a secret is in no fault, whatever else is wrong', () => {
  const secrets = settingNames.filter((name) => settings[name].kind.isSecret);
  assert.ok(secrets.length > 0);
  const given = fc.tuple(
    fc.constantFrom(...secrets),
    fc.constantFrom(SECRET, `redis://${SECRET} x`),
  );
  return holds(
    fc.property(given, args, ([name, value], args) => {
      try {
        loadSettings(['--port=x', ...args.filter((arg) => !arg.includes(SECRET))], {
          [envOf(name)]: value,
        });
      } catch (error) {
        assert.ok(error instanceof StartError, String(error));
        assert.ok(!error.message.includes(SECRET), error.message);
      }
    }),
  );
});
