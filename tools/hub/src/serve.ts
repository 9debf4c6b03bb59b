/**
 * Serves a folder of repositories as a hub, for benches with full-size checkpoints:
 *
 *   node tools/hub/dist/serve.js --folder <folder> --port 0
 *
 * The first line printed is the endpoint, once everything is hashed. Runs until it gets a signal.
 */

import { parseArgs } from 'node:util';

import { addFolder } from './folder.js';
import { TestHub } from './hub.js';

const { values } = parseArgs({
  options: { folder: { type: 'string' }, port: { type: 'string', default: '0' } },
});
if (values.folder === undefined) {
  process.stderr.write('usage: serve.js --folder <folder> [--port <port>]\n');
  process.exit(2);
}

const hub = await TestHub.start({ port: Number(values.port) });
const repos = await addFolder(hub, values.folder);
process.stdout.write(`${hub.endpoint}\n${repos.map((repo) => `  ${repo}\n`).join('')}`);
