/**
 * The example of two services, run for real: both behind a proxy that routes as its VirtualService says, with
 * one Redis. The image must hold the profile `sentiment-starter`; Redis is that of this machine.
 */

import { stringify } from 'yaml';

import { customResources, definitionOf } from '../schemas/sources.mjs';
import { redisImage } from './lib/image-archive.mjs';
import { run } from './lib/programs.mjs';
import { startProxy } from './lib/proxy.mjs';
import { demand, step } from './lib/steps.mjs';
import { RELEASES, serviceOf, TwoServices } from './lib/two-services.mjs';

const REDIS = { repository: 'chorus.test/redis', tag: 'debian' };
const PROXY_PORT = 8088;
const TEXTS = ['I love you.', 'I hate you.', 'What a day', 'It rains again', 'Nothing to say'];
/** Requests for what is known already, enough that both pods of a service get some. */
const REPEATED = 20;

/** `values` name the image. */
export async function tryTwoServices(plane, node, values) {
  const example = new TwoServices(plane, 'two-services');
  let origin;
  await step('two services, one Redis: they are ready', () => install(example, node, values));
  await step('each pod asked for Redis before it began', () => requireVerified(example));
  await step('helm test of both', async () => {
    for (const name of RELEASES) await example.helm('test', name, '--logs', '--timeout=120s');
  });
  await step('both prefixes answer through one proxy', async () => {
    origin = await publish(example);
    await askBoth(origin);
  });
  await step('a pod finds in Redis what the other has answered', async () => {
    await askAgain(origin);
    return requireRedisHits(example);
  });
  await step('their keys do not collide', () =>
    requireKeys(example, { project: TEXTS.length, lab: TEXTS.length }),
  );
  await step("a flush of one leaves the other's", () => flushLab(example));
}

async function install(example, node, values) {
  const { plane } = example;
  const name = `${REDIS.repository}:${REDIS.tag}`;
  await node.importImage(await redisImage(`${plane.folder}/redis`, name));
  const own = [
    `--set=cache.redis.image.repository=${REDIS.repository},cache.redis.image.tag=${REDIS.tag}`,
    // A busy machine is no reason to compute an answer anew.
    '--set=cache.redis.timeout=2s',
  ];
  const virtualService = customResources.find(({ kind }) => kind.endsWith(' VirtualService'));
  const { status, ...definition } = definitionOf(virtualService);
  await plane.apply(stringify(definition));
  await plane.kubectl('wait', '--for=condition=Established', 'crd', '--all', '--timeout=30s');
  await example.plane.createNamespace(example.namespace);
  for (const release of RELEASES) await example.release('install', release, ...values, ...own);
  await plane.until(
    'there are two pods of each',
    async () => (await serverPods(example)).filter(isReady).length >= 2 * RELEASES.length,
    120_000,
  );
  await example.route('istio');
  await example.requireObjects(['virtualservices']);
}

async function requireVerified(example) {
  const pods = await serverPods(example);
  for (const { metadata, status } of pods) {
    const ended = status.initContainerStatuses.map(
      ({ name, state }) => `${name} ${state.terminated?.exitCode}`,
    );
    demand(
      ended.join() === 'verify-redis-dns 0,verify-redis-ready 0',
      `${metadata.name}: ${ended.join()}`,
    );
  }
  return `${pods.length} pods`;
}

/** The VirtualService, as the API server has it, becomes the configuration of a real proxy. */
async function publish(example) {
  const paths = await example.paths();
  const addresses = new Map();
  for (const { host } of paths) {
    addresses.set(host, (await example.get('service', host)).spec.clusterIP);
  }
  const routed = paths.map(({ uri, host, port }) => ({
    uri,
    address: `${addresses.get(host)}:${port}`,
  }));
  return startProxy(example.plane, PROXY_PORT, routed);
}

async function askBoth(origin) {
  for (const release of RELEASES) {
    const health = await fetch(`${origin}/${release}/health`);
    const { status } = await health.json();
    demand(health.status === 200 && status === 'healthy', `/${release}/health: ${status}`);
    const { predictions } = await predict(origin, release, TEXTS);
    const best = predictions.map(([first]) => first.label);
    demand(best[0] === 'POSITIVE' && best[1] === 'NEGATIVE', `/${release}: ${best.join()}`);
  }
  for (const path of ['/projects/health', '/health', '/project-lab/predict']) {
    const { status } = await fetch(origin + path);
    demand(status === 404, `${path} is answered with ${status}`);
  }
}

/** A new connection each time, so that the service's other pod is asked, too: it finds the answers in Redis. */
async function askAgain(origin) {
  for (const release of RELEASES) {
    const found = new Set();
    for (let request = 0; request < REPEATED; request += 1) {
      found.add((await predict(origin, release, TEXTS)).cache);
    }
    demand([...found].join() === 'hit', `/${release}: x-cache was ${[...found].join()}`);
  }
}

/** That some pod of each service took answers from Redis; and how many each took. */
async function requireRedisHits(example) {
  const notes = [];
  for (const release of RELEASES) {
    const pods = (await serverPods(example)).filter(({ metadata }) =>
      metadata.name.startsWith(serviceOf(release)),
    );
    const hits = await Promise.all(pods.map(({ status }) => redisHits(status.podIP)));
    demand(Math.max(...hits) > 0, `no pod of ${release} found anything in Redis`);
    notes.push(`${release} ${hits.join(' and ')}`);
  }
  return notes.join(', ');
}

async function redisHits(address) {
  const metrics = await (await fetch(`http://${address}:9090/metrics`)).text();
  const line = metrics
    .split('\n')
    .find(
      (text) =>
        /^chorus_cache_lookups_total\{.*tier="redis".*\}/.test(text) && /result="hit"/.test(text),
    );
  demand(line !== undefined, `${address} does not count what it found in Redis`);
  return Number(line.split(' ').at(-1));
}

async function predict(origin, release, text) {
  const response = await fetch(`${origin}/${release}/predict`, {
    method: 'POST',
    headers: { connection: 'close' },
    body: JSON.stringify({ text }),
  });
  demand(response.status === 200, `/${release}/predict: ${response.status}`);
  return { ...(await response.json()), cache: response.headers.get('x-cache') };
}

/** That Redis has so many keys below each service's prefix, and no others. */
async function requireKeys(example, expected) {
  const { spec } = await example.get('service', 'redis-service');
  const env = { ...process.env, REDISCLI_AUTH: await example.password() };
  const { stdout } = await run('redis-cli', ['-h', spec.clusterIP, 'keys', '*'], { env });
  const keys = stdout.split('\n').filter(Boolean);
  const found = Object.fromEntries(
    RELEASES.map((name) => [
      name,
      keys.filter((key) => key.startsWith(`fastapi-cache-${name}:`)).length,
    ]),
  );
  const total = Object.values(expected).reduce((sum, count) => sum + count);
  demand(
    JSON.stringify(found) === JSON.stringify(expected) && keys.length === total,
    `there are the keys ${JSON.stringify(found)} of ${keys.length}, not ${JSON.stringify(expected)}`,
  );
  return `${keys.length} keys`;
}

async function flushLab(example) {
  const command = ['node', '/app/dist/cli/main.js', 'cache', 'flush', 'sentiment-starter'];
  const note = await example.plane.kubectl(
    ...['exec', `deployment/${serviceOf('lab')}`, '--namespace', example.namespace, '--'],
    ...command,
  );
  await requireKeys(example, { project: TEXTS.length, lab: 0 });
  return note.trim();
}

async function serverPods(example) {
  return (await example.get('pods', '--selector=app.kubernetes.io/component=server')).items;
}

function isReady({ status }) {
  return (
    status.conditions?.some(({ type, status: met }) => type === 'Ready' && met === 'True') ?? false
  );
}
