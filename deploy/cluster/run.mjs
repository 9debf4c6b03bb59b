/**
 * `make cluster`: the chart in a real Kubernetes. See README.md beside this file.
 *
 *   node deploy/cluster/run.mjs              a real control plane, nodes that only pretend
 *   node deploy/cluster/run.mjs IMAGE.tar    the same, then a real node that runs the image
 */

import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { fetchDefinitions } from '../schemas/sources.mjs';
import { isolated } from './isolated.mjs';

const [image, ...rest] = process.argv.slice(2);
if (rest.length > 0 || (image !== undefined && !existsSync(image))) {
  console.error(
    image === undefined || existsSync(image)
      ? 'usage: node deploy/cluster/run.mjs [IMAGE.tar]'
      : `There is no ${image}; write one with: docker save --output ${image} chorus-cpu`,
  );
  process.exit(2);
}

// While there is a network: the namespaces below have none.
fetchDefinitions();

const here = (name) => join(import.meta.dirname, name);
console.log('==> Fake nodes: what the API server, controllers and admission make of the chart');
process.exitCode = await isolated(here('on-fake-nodes.mjs'));
if (process.exitCode === 0 && image !== undefined) {
  console.log('==> A real node: what the chart makes of the image');
  // Built while there is a network.
  for (const [name, script] of [
    ['K6', 'k6.sh'],
    ['WEAVIATE', 'weaviate.sh'],
  ]) {
    const file = here(`../../bench/tools/${script}`);
    process.env[name] = execFileSync(file, { encoding: 'utf8' }).trim();
  }
  process.exitCode = await isolated(here('on-a-real-node.mjs'), [resolve(image)]);
}
