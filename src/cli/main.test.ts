import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

import {
  engineSettingNames,
  envOf,
  flagOf,
  isOnlyInEnvironment,
  settingNames,
} from '../config/settings.js';
import { runChorus } from '../testing/chorus-process.js';
import { version } from './version.js';

for (const args of [[], ['--help'], ['help']]) {
  test(`chorus ${args.join(' ')} lists the commands`, async () => {
    const { code, stdout } = await runChorus(args);
    assert.equal(code, 0);
    assert.match(stdout, /serve \[profile\]/);
  });
}

test('serve --help lists every setting with its flag and its variable', async () => {
  const { code, stdout } = await runChorus(['serve', '--help']);
  assert.equal(code, 0);
  for (const name of settingNames) {
    const flag = isOnlyInEnvironment(name) ? '' : `${flagOf(name)}, `;
    assert.ok(stdout.includes(`  ${flag}${envOf(name)}`), name);
  }
});

test('--version prints the version of the package', async () => {
  assert.equal((await runChorus(['--version'])).stdout, `${version}\n`);
});

for (const [args, line] of [
  [['srve'], 'Unknown command srve; see chorus --help.'],
  [['serve', '--prot', '1'], 'Unknown option --prot; did you mean --port?'],
  [['serve', 'stater'], 'Unknown profile stater: known names are'],
] as const) {
  test(`chorus ${args.join(' ')} is one line on standard error and exit code 2`, async () => {
    const { code, stdout, stderr } = await runChorus(args);
    assert.equal(code, 2);
    assert.equal(stdout, '');
    assert.ok(stderr.startsWith(`chorus: ${line}`), stderr);
  });
}

test('a route that takes more texts than can wait is refused at start', async () => {
  const args = ['serve', 'sentiment-starter', '--queue-capacity', '511'];
  const { code, stderr } = await runChorus(args);
  assert.equal(code, 2);
  assert.match(
    stderr,
    /^chorus: \/predict takes 512 texts in one request, and --queue-capacity lets 511 wait/,
  );
});

test('everything that is wrong with the settings is said at once', async () => {
  const { code, stderr } = await runChorus(['serve', '--port', 'x'], { CHORUS_DEVICE: 'tpu' });
  assert.equal(code, 2);
  assert.equal(
    stderr,
    'chorus: --port is "x"; it must be a port, 0 to 65535 (0 takes any free one).\n' +
      'chorus: CHORUS_DEVICE is "tpu"; it must be one of auto, cpu, cuda.\n',
  );
});

test('a profile that is not pulled is one line with the command to run', async () => {
  const flags = ['--models-dir', '/nowhere'];
  const { code, stderr } = await runChorus(['serve', 'sentiment', ...flags], { HOME: '/nowhere' });
  assert.equal(code, 1);
  assert.match(
    stderr,
    /^chorus: Model winegarj .* is not pulled, and not in \/nowhere\/winegarj; run: chorus pull sentiment\n$/,
  );
});

for (const [args, line] of [
  [
    ['--device=cuda'],
    /^chorus: the GPU: (?:the NVIDIA driver \(libcuda\.so\.1\) is not installed|no NVIDIA GPU can be used: [^\n]+)\n$/,
  ],
  [
    ['--device=auto', '--precision=fp16'],
    /^chorus: [^\n]*: expected the precision exact, bf16 or int8 on a CPU; fp16 needs --device cuda, found fp16\n$/,
  ],
] as const) {
  test(`without a GPU, serve starter ${args.join(' ')} is one line`, async () => {
    // A list of none hides the GPUs of a machine that has some.
    const { code, stderr } = await runChorus(['serve', 'starter', ...args], {
      CUDA_VISIBLE_DEVICES: '-1',
    });
    assert.equal(code, 1);
    assert.match(stderr, line);
  });
}

function profileFile(context: TestContext, yaml: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'chorus-profile-'));
  context.after(() => {
    rmSync(folder, { recursive: true });
  });
  const file = join(folder, 'mine.yaml');
  writeFileSync(file, `name: mine\n${yaml}\n`);
  return file;
}

for (const command of ['serve', 'check']) {
  test(`chorus ${command} tells what contracts miss in a profile before it looks for models`, async (context) => {
    const yaml = [
      'models: [{ name: a, pooling: mean }]',
      'routes:',
      '  - { path: /health, contract: process }',
      '  - { path: /x, contract: proces }',
    ];
    const file = profileFile(context, yaml.join('\n'));
    const { code, stdout, stderr } = await runChorus([command, file]);
    assert.deepEqual([code, stdout], [2, '']);
    assert.deepEqual(stderr.split('\n'), [
      `chorus: ${file}:4:22: routes[0].contract: process takes classifiers, and a is an encoder`,
      `chorus: ${file}:4:7: routes[0].path: /health is taken by the service itself`,
      `chorus: ${file}:5:17: routes[1].contract: must be one of predict, prediction, process, retrieve`,
      '',
    ]);
  });
}

test('check --help names every setting of the engine, and what it compares vectors by', async () => {
  const { code, stdout } = await runChorus(['check', '--help']);
  assert.equal(code, 0);
  for (const name of engineSettingNames) assert.ok(stdout.includes(flagOf(name)), name);
  assert.match(stdout, /cosine of 0\.99/);
});

test('a precision that the profile does not allow is one line with those that it does', async (context) => {
  const models = 'models: [{ name: a, path: a }]\nroutes: [{ path: /process, contract: process }]';
  const file = profileFile(context, `${models}\nprecisions: { int8: 0.9 }`);
  const { code, stderr } = await runChorus(['serve', file, '--device=cuda', '--precision=fp16']);
  assert.equal(code, 2);
  assert.equal(
    stderr,
    `chorus: ${file} does not allow the precision fp16; it allows exact, int8.\n`,
  );
});

test('a missing ONNX Runtime is one line', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'chorus-models-'));
  context.after(() => {
    rmSync(folder, { recursive: true });
  });
  mkdirSync(join(folder, 'winegarj'));
  const flags = ['--models-dir', folder, '--ort-library', '/nowhere.so'];
  const { code, stderr } = await runChorus(['serve', 'sentiment', ...flags]);
  assert.equal(code, 1);
  assert.match(stderr, /^chorus: There is no ONNX Runtime library at \/nowhere\.so; .*\n$/);
});
