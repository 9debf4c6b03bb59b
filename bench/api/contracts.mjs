// `make contracts`: Schemathesis asks services for everything that their `openapi.json` describes, and more.
//
//   node bench/api/contracts.mjs [--seconds 30] [--seed N]        (needs it built: make build; Python 3.10 or later)
//
// Each profile must answer whatever it is sent as its document says: no server error, no status, content type, header
// or body that is not described, nothing refused that the schemas allow, nothing taken that they do not, no way around a
// key. What it finds is printed with the request to send again.

import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';

import { BENCH } from '../lib/paths.mjs';
import { environment } from '../lib/python.mjs';
import { EVERY_CONTRACT, guarded, PROFILES, scratchFolder, withService } from './service.mjs';

const { values: options } = parseArgs({
  options: { seconds: { type: 'string', default: '30' }, seed: { type: 'string' } },
});

const python = environment('contracts', join(BENCH, 'api', 'requirements.txt'));
const schemathesis = join(dirname(python), 'schemathesis');

for (const profile of [...PROFILES, EVERY_CONTRACT]) {
  await withService(profile, [], (host) => ask(`http://${host}`));
}
const { key, flags } = guarded();
await withService(EVERY_CONTRACT, flags, (host) =>
  ask(`http://${host}`, '/project/openapi.json', key),
);

/** Has the service at `origin` asked for as long as was wanted; its document lies at `path`. */
async function ask(origin, path = '/openapi.json', key = '') {
  const headers = key === '' ? {} : { 'x-api-key': key };
  const response = await fetch(origin + path, { headers });
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  // What is kept of a run goes with this one.
  const folder = scratchFolder();
  writeFileSync(join(folder, 'openapi.json'), await response.text());
  const auth = key === '' ? '' : `[auth.openapi.header]\napi_key = "${key}"\n`;
  writeFileSync(join(folder, 'schemathesis.toml'), auth);
  const bounds = ['--max-time', options.seconds, '--request-timeout', '10'];
  const seed = options.seed === undefined ? [] : ['--seed', options.seed];
  const checks = ['--checks', 'all', '--continue-on-failure', '--no-color'];
  const args = ['run', 'openapi.json', '--url', origin, ...checks, ...bounds, ...seed];
  const { status } = spawnSync(schemathesis, args, { stdio: 'inherit', cwd: folder });
  if (status !== 0) process.exitCode = 1;
}
