// The loader on machines that are not this one.

import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

const HERE = import.meta.dirname;
const require = createRequire(import.meta.url);

/** What napi calls the targets of Rust. */
const NAMES = {
  'aarch64-apple-darwin': 'darwin-arm64',
  'aarch64-unknown-linux-gnu': 'linux-arm64-gnu',
  'x86_64-unknown-linux-gnu': 'linux-x64-gnu',
};

const GLIBC = { header: { glibcVersionRuntime: '2.36' } };
const MUSL = { header: {} };

/** The error of loading on another machine, where the engine of `built` is a file that no linker takes. */
function refusal(context, { platform, arch, report = GLIBC, built }) {
  const folder = mkdtempSync(join(tmpdir(), 'chorus-loader-'));
  context.after(() => rmSync(folder, { recursive: true }));
  copyFileSync(join(HERE, 'index.cjs'), join(folder, 'index.cjs'));
  if (built !== undefined) writeFileSync(join(folder, `index.${built}.node`), 'not a library');
  const before = ['platform', 'arch', 'report'].map((name) => [
    name,
    Object.getOwnPropertyDescriptor(process, name),
  ]);
  const values = { platform, arch, report: { getReport: () => report } };
  try {
    for (const [name] of before) {
      Object.defineProperty(process, name, { value: values[name], configurable: true });
    }
    require(join(folder, 'index.cjs'));
  } catch (error) {
    return error;
  } finally {
    for (const [name, descriptor] of before) Object.defineProperty(process, name, descriptor);
  }
  return assert.fail('it was loaded');
}

test('another platform is named, and those whose dependencies are checked', (context) => {
  const { message } = refusal(context, { platform: 'win32', arch: 'x64' });
  const [, found, supported] =
    /^there is no engine for (\S+), only for (.+)\.$/.exec(message) ?? assert.fail(message);
  assert.equal(found, 'win32-x64');
  const deny = readFileSync(join(HERE, '../deny.toml'), 'utf8');
  const [, targets] = /^targets = (\[.*\])$/m.exec(deny) ?? assert.fail('deny.toml has no targets');
  assert.deepEqual(
    supported.split(', ').sort(),
    JSON.parse(targets)
      .map((target) => NAMES[target])
      .sort(),
  );
});

test('musl is named where its linker does not take the library', (context) => {
  const machine = { platform: 'linux', arch: process.arch, built: `linux-${process.arch}-gnu` };
  const { message } = refusal(context, { ...machine, report: MUSL });
  assert.match(message, /^there is no engine for linux-\w+ with musl, only for /);
});

test("an engine that cannot be linked is the linker's to explain", (context) => {
  const machine = { platform: 'linux', arch: process.arch, built: `linux-${process.arch}-gnu` };
  assert.equal(refusal(context, machine).code, 'ERR_DLOPEN_FAILED');
});

test('an engine that was not built is a file that is missing', (context) => {
  const { message } = refusal(context, { platform: 'darwin', arch: 'arm64' });
  assert.match(message, /^Cannot find module '.\/index\.darwin-arm64\.node'/);
});
