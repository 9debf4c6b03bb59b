/**
 * A hub with checkpoints as the fixtures have them, a profile of them, an empty cache.
 */

import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

import { TestHub } from 'chorus-test-hub';

import { ChorusProcess, runChorus, type Finished } from '../testing/chorus-process.js';

export const FIXTURES = fileURLToPath(new URL('../../native/fixtures/', import.meta.url));
const NOT_PUBLISHED = ['expected.json', 'model.safetensors'];

/** `owner/roberta` and `owner/xlm-roberta` on a hub, a profile of both, an empty cache. */
export async function hubWorld(context: TestContext) {
  const hub = await TestHub.start();
  const folder = mkdtempSync(join(tmpdir(), 'chorus-hub-'));
  context.after(async () => {
    rmSync(folder, { recursive: true });
    await hub.close();
  });
  const names = ['roberta', 'xlm-roberta'];
  const models: string[] = [];
  for (const name of names) {
    const files = readdirSync(join(FIXTURES, name)).filter((file) => !NOT_PUBLISHED.includes(file));
    const revision = await hub.addRepo({
      repo: `owner/${name}`,
      license: 'mit',
      files: Object.fromEntries(files.map((file) => [file, { file: join(FIXTURES, name, file) }])),
    });
    models.push(
      `  - { name: ${name}, source: { repo: owner/${name}, revision: '${revision}' } }\n`,
    );
  }
  const profile = join(folder, 'own.yaml');
  const routes = 'routes: [{ path: /process, contract: process }]\n';
  writeFileSync(profile, `name: own\nmodels:\n${models.join('')}${routes}`);
  const cache = join(folder, 'cache');
  const environment = { HF_ENDPOINT: hub.endpoint, HF_HUB_CACHE: cache };
  return {
    hub,
    folder,
    profile,
    cache,
    environment,
    run: (...args: string[]): Promise<Finished> => runChorus(args, environment),
    start: (...flags: string[]) =>
      new ChorusProcess(
        ['serve', profile, '--port', '0', '--admin-port', '0', ...flags],
        environment,
      ),
  };
}

/** The files of a fixture by their names on a hub; `rename` gives another, or none where it is not published. */
export function published(
  fixture: string,
  rename: (name: string) => string | undefined = (name) => name,
) {
  const names = readdirSync(join(FIXTURES, fixture)).filter((name) => name !== 'expected.json');
  return Object.fromEntries(
    names.flatMap((name) => {
      const path = rename(name);
      return path === undefined ? [] : [[path, { file: join(FIXTURES, fixture, name) }]];
    }),
  );
}
