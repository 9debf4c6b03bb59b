import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { runChorus } from '../testing/chorus-process.js';
import { isSupportedNode } from './supported-node.js';

const supported = [
  '20.19.2',
  '20.20.2',
  '22.15.1',
  '22.23.2',
  '24.0.2',
  '24.21.0',
  '25.0.0',
  '26.0.0-nightly20260101',
];
const refused = ['18.20.8', '20.11.0', '20.17.0', '20.19.1', '21.7.3', '22.15.0', '23.11.1'];

for (const version of [...supported, ...refused, '24.0.1', 'x']) {
  const isFine = supported.includes(version);
  test(`Node ${version} is ${isFine ? '' : 'not '}supported`, () => {
    assert.equal(isSupportedNode(version), isFine);
  });
}

/** Runs `chorus` where Node says that it is `version`. */
function runOn(version: string, args: readonly string[]) {
  const module = `Object.defineProperty(process.versions, 'node', { value: '${version}' })`;
  return runChorus(args, {
    NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(module)}`,
  });
}

test('a start on another version is one line that says which are fine', async () => {
  const { code, stdout, stderr } = await runOn('20.17.0', ['serve', 'starter']);
  assert.deepEqual([code, stdout], [1, '']);
  assert.match(stderr, /^chorus: Node\.js 20\.17\.0 is not supported: [^\n]+\n$/);
  for (const version of ['20.19.2', '22.15.1', '24.0.2']) assert.ok(stderr.includes(version));
});

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

test('whatever names the oldest version names this one', () => {
  const { engines } = JSON.parse(read('package.json')) as { engines: { node: string } };
  assert.equal(engines.node, '^20.19.2 || ^22.15.1 || >=24.0.2');
  for (const path of ['README.md', 'CONTRIBUTING.md']) {
    const named = read(path).match(/Node(?:\.js)? (\d+\.\d+(?:\.\d+)?)/g);
    assert.deepEqual(named, ['Node.js 20.19.2'], path);
  }
  assert.match(read('scripts/check-tools.sh'), /^check node 20\.19\.2 /m);
});
