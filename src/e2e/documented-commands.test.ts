/**
 * What the documents tell a reader to type, typed: with the real command, by a shell, in a folder with nothing else.
 */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { RUN } from '../docgen/commands.js';
import { ChorusProcess } from '../testing/chorus-process.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'chorus-documented-'));
const services = new Map<string, ChorusProcess>();

before(() => {
  const program = join(folder, 'bin/chorus');
  mkdirSync(join(folder, 'bin'));
  writeFileSync(program, `#!/bin/sh\nexec '${process.execPath}' '${root}dist/cli/main.js' "$@"\n`);
  chmodSync(program, 0o755);
  copyFileSync(join(root, 'models/retrieval-starter/corpus.jsonl'), join(folder, 'corpus.jsonl'));
});

after(async () => {
  for (const service of services.values()) {
    service.signal('SIGTERM');
    await service.finished();
  }
  rmSync(folder, { recursive: true });
});

/** The ports of a service with these arguments, which is started unless it runs. */
async function portsOf(serve: readonly string[]): Promise<{ port: number; adminPort: number }> {
  const key = serve.join(' ');
  let service = services.get(key);
  if (service === undefined) {
    const args = serve.map((word) => (word === 'keys' ? join(folder, word) : word));
    service = new ChorusProcess(['serve', ...args, '--port', '0', '--admin-port', '0']);
    services.set(key, service);
  }
  return (await service.logged('ready')) as unknown as { port: number; adminPort: number };
}

let key = '';

for (const { serve, command, prints } of RUN) {
  test(command, async () => {
    const ports = serve === undefined ? undefined : await portsOf(serve);
    const written = command
      .replace('localhost:8080', `127.0.0.1:${ports?.port ?? 0}`)
      .replace(/(?:localhost|10\.0\.0\.7):9090/, `127.0.0.1:${ports?.adminPort ?? 0}`)
      .replace('KEY', key);
    const { stdout } = await promisify(execFile)('sh', ['-euc', written], {
      cwd: folder,
      env: { HOME: folder, PATH: `${folder}/bin:${process.env.PATH ?? ''}` },
    });
    assert.match(stdout.trim(), prints);
    if (command.startsWith('chorus keys new ')) key = stdout.trim();
  });
}
