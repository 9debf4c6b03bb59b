import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { StartError } from '../start-error.js';
import { loadSettings } from './load.js';
import { engineSettingsOf } from './settings.js';

function faultsOf(args: readonly string[], environment: Record<string, string> = {}): string[] {
  try {
    loadSettings(args, environment);
  } catch (error) {
    assert.ok(error instanceof StartError);
    assert.equal(error.exitCode, 2);
    return [...error.lines];
  }
  return [];
}

test('defaults go through the same schema as given values', () => {
  const { settings, warnings } = loadSettings([], {});
  assert.equal(settings.port, 8080);
  assert.equal(settings.maxBodySize, 1_048_576);
  assert.equal(settings.shutdownTimeout, 30_000);
  assert.equal(settings.profile, 'starter');
  assert.deepEqual(warnings, []);
});

test('a flag wins over the environment, and the environment over the default', () => {
  const environment = { CHORUS_PORT: '1111', CHORUS_LANES: '3' };
  const { settings } = loadSettings(['--port', '2222', '--device=cpu'], environment);
  assert.equal(settings.port, 2222);
  assert.equal(settings.lanes, 3);
  assert.equal(settings.device, 'cpu');
});

test('an empty variable counts as not set', () => {
  assert.equal(loadSettings([], { CHORUS_PORT: '' }).settings.port, 8080);
});

test('the profile can be given without its flag', () => {
  assert.equal(loadSettings(['challenge', '--port', '1'], {}).settings.profile, 'challenge');
});

test('everything wrong is reported at once, each with what was given and what is right', () => {
  const environment = { CHORUS_LOG_LEVEL: 'loud', CHORUS_SHUTDOWN_TIMEOUT: '25' };
  const faults = faultsOf(['--port', '65536', '--devise=cpu', '--lanes'], environment);
  assert.deepEqual(faults, [
    'Unknown option --devise; did you mean --device?',
    '--lanes needs a value: it must be a whole number, 0 to 1024.',
    '--port is "65536"; it must be a port, 0 to 65535 (0 takes any free one).',
    'CHORUS_SHUTDOWN_TIMEOUT is "25"; it must be a duration with its unit, such as 500ms, 25s, 2m or 1h, at most 24h.',
    'CHORUS_LOG_LEVEL is "loud"; it must be one of trace, debug, info, warn, error, fatal, silent.',
  ]);
});

test('a line break at the end of a variable is not part of it', () => {
  const environment = {
    CHORUS_CACHE_REDIS_URL: 'redis://redis\n',
    CHORUS_CACHE_REDIS_PASSWORD: 'a b\r\n',
  };
  const { settings } = loadSettings([], environment);
  assert.equal(settings.cacheRedisUrl, 'redis://redis');
  assert.equal(settings.cacheRedisPassword, 'a b');
});

test('what was accepted has its time to be answered when the service stops', () => {
  const { settings } = loadSettings([], {});
  assert.ok(settings.shutdownTimeout - settings.drainDelay >= settings.answerTimeout);
  const compose = readFileSync(new URL('../../compose.yaml', import.meta.url), 'utf8');
  const [, grace] = /stop_grace_period: (\d+)s/.exec(compose) ?? [];
  assert.ok(Number(grace) * 1000 >= settings.shutdownTimeout + 5000);
});

test('sizes and durations are read with their units', () => {
  const flags = [
    '--max-body-size',
    '64KiB',
    '--answer-timeout',
    '500ms',
    '--request-timeout',
    '2m',
  ];
  const { settings } = loadSettings(flags, {});
  assert.equal(settings.maxBodySize, 65_536);
  assert.equal(settings.answerTimeout, 500);
  assert.equal(settings.requestTimeout, 120_000);
});

for (const [args, fault] of [
  [
    ['--device=cpu', '--precision=fp16'],
    '--precision fp16 needs --device cuda; a CPU takes exact, bf16 or int8.',
  ],
  [
    ['--device=cuda', '--precision=int8'],
    '--precision int8 needs --device cpu; a GPU takes exact or fp16.',
  ],
  [
    ['--headers-timeout=9s', '--request-timeout=8s'],
    '--headers-timeout must not exceed --request-timeout: a header is part of its request.',
  ],
  [
    ['--max-body-size=2MiB', '--max-body-memory=1MiB'],
    '--max-body-memory must not be less than --max-body-size: it holds one body at least.',
  ],
  [
    ['--drain-delay=5s', '--shutdown-timeout=5s'],
    '--drain-delay must be shorter than --shutdown-timeout: it is part of it.',
  ],
] as const) {
  test(`${args.join(' ')} contradict each other`, () => {
    assert.deepEqual(faultsOf(args), [fault]);
  });
}

test('a GPU takes its precision, its number and graphs', () => {
  const { settings } = loadSettings(['--device=cuda', '--precision=fp16', '--device-id=3'], {});
  assert.deepEqual([settings.device, settings.precision, settings.deviceId], ['cuda', 'fp16', 3]);
});

for (const [flag, value] of [
  ['--max-body-size', '0'],
  ['--max-body-size', '65MiB'],
  ['--answer-timeout', '25h'],
  ['--queue-capacity', '0'],
  ['--port', '-1'],
  ['--port', '80a'],
  ['--headers-timeout', '16s'],
] as const) {
  test(`${flag} ${value} is refused`, () => {
    assert.equal(faultsOf([`${flag}=${value}`]).length, 1);
  });
}

test('what goes to the engine is what is marked so', () => {
  const { settings } = loadSettings(['--lanes=3', '--port=1'], {});
  const forEngine = engineSettingsOf(settings);
  assert.equal(forEngine.lanes, 3);
  assert.equal(forEngine.queueCapacity, 16_384);
  assert.ok(!('port' in forEngine));
});

test('what an image says of itself is no setting, and no variable that nobody knows', () => {
  assert.deepEqual(loadSettings([], { CHORUS_REVISION: 'd6f1e80' }).warnings, []);
});

test('an unknown CHORUS_ variable is a warning that names the nearest one', () => {
  const { warnings } = loadSettings([], { CHORUS_PROT: '1', OTHER: '1' });
  assert.deepEqual(warnings, ['Unknown variable CHORUS_PROT; did you mean CHORUS_PORT?']);
});

test('a secret is taken from the environment alone, and never shown', () => {
  const environment = { CHORUS_CACHE_SECRET: 'hush', CHORUS_CACHE_REDIS_PASSWORD: 'word' };
  const { settings } = loadSettings([], environment);
  assert.equal(settings.cacheSecret, 'hush');
  assert.equal(settings.cacheRedisPassword, 'word');
  assert.match(faultsOf(['--cache-secret=hush']).join(), /^Unknown option --cache-secret; /);
  const [fault = ''] = faultsOf(['--cache-redis-url', 'redis//:word@host']);
  assert.match(fault, /^--cache-redis-url is wrong; it must be a URL such as redis:\/\/host:6379/);
});

test('a secret and a file of it are one too many, and Redis that is needed must be somewhere', () => {
  const faults = faultsOf(
    ['--cache-secret-file', 'a', '--cache-redis-password-file', 'b', '--cache-redis-required'],
    { CHORUS_CACHE_SECRET: 'hush', CHORUS_CACHE_REDIS_PASSWORD: 'word' },
  );
  assert.deepEqual(faults, [
    'CHORUS_CACHE_REDIS_PASSWORD and --cache-redis-password-file are both given; give one.',
    'CHORUS_CACHE_SECRET and --cache-secret-file are both given; give one.',
    '--cache-redis-required needs --cache-redis-url.',
  ]);
});
