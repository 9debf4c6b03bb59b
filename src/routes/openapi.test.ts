/**
 * The document against the service: what it says of requests and answers is so.
 */

import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';

import { Ajv2020 } from 'ajv/dist/2020.js';

import type { Engine } from '../engine/engine.js';
import { errorCodes } from '../errors/codes.js';
import { fakeEncoder } from '../testing/fake-encoder.js';
import { fakeEngine } from '../testing/fake-engine.js';
import { indexWorld } from '../testing/index-world.js';
import { exchangeRaw, parseAnswer } from '../testing/raw-socket.js';
import { sampleContract } from '../testing/sample-contract.js';
import { startTestService, type TestService } from '../testing/test-service.js';
import { contracts as ownContracts } from './index.js';
import type { OpenApiDocument } from './openapi.js';
import { usualRoute } from '../testing/usual-route.js';

const models = ['svalabs', 'cardiffnlp'];

/** Every contract that there is, at the path of its name. */
const contracts = { ...ownContracts, sample: sampleContract };
const routes = Object.entries(contracts).map(([contract, { asksOneModel, tasks }]) => {
  const fit = tasks.includes('classification') ? models : ['encoder'];
  return {
    path: `/${contract}`,
    contract,
    models: asksOneModel ? fit.slice(0, 1) : fit,
    ...usualRoute,
  };
});

/** Classifiers and an encoder. */
function engineOfBoth(): Engine {
  const [classifiers, encoder] = [fakeEngine(), fakeEncoder()];
  return {
    ...encoder,
    models: [...classifiers.models, ...encoder.models],
    infer: (request) => {
      const isEncoder = request.texts[0]?.models[0] === 'encoder';
      return (isEncoder ? encoder : classifiers).infer(request);
    },
    stats: () => classifiers.stats(),
  };
}

interface Described extends TestService {
  readonly document: OpenApiDocument;
  /** Fails unless `value` is what the part of the document at these keys says. */
  readonly validate: (keys: readonly string[], value: unknown) => void;
}

async function start(context: TestContext, flags: readonly string[] = []): Promise<Described> {
  const engine = engineOfBoth();
  const world = indexWorld(context, engine);
  await world.published('one', ['Why so serious?']);
  const service = await startTestService(context, engine, flags, {
    ...{ contracts, routes },
    load: (loadedOf) => async () => ({ ...loadedOf(engine), index: await world.serve() }),
  });
  const response = await fetch(`${service.origin}/openapi.json`);
  const document = (await response.json()) as OpenApiDocument;
  // Around the schemas stand OpenAPI's own keywords.
  const ajv = new Ajv2020({ allErrors: true, strictSchema: false });
  ajv.addSchema(document, 'openapi.json');
  return {
    ...service,
    document,
    validate(keys, value) {
      const pointer = keys.map((key) => key.replaceAll('~', '~0').replaceAll('/', '~1'));
      const check = ajv.compile({
        $ref: `openapi.json#/${pointer.map(encodeURIComponent).join('/')}`,
      });
      const isValid = check(value);
      assert.ok(isValid, `${keys.join(' ')}: ${ajv.errorsText(check.errors)}`);
    },
  };
}

/** Each operation of the document: where it is described, and where a request of it goes. */
function operations({ paths }: OpenApiDocument) {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { requestBody }]) => ({
      keys: ['paths', path, method],
      path: path.replace('{model}', models[0] ?? ''),
      method: method.toUpperCase(),
      example: (requestBody?.content as Content | undefined)?.['application/json']?.example,
    })),
  );
}

type Content = Readonly<
  Record<string, { readonly example: unknown; readonly examples?: object } | undefined>
>;

/** Sends `body`, and holds the answer to what the document says of its status. */
async function ask(
  { port, document, validate }: Described,
  { keys, path, method }: ReturnType<typeof operations>[number],
  body: string | undefined,
): Promise<number> {
  const init = body === undefined ? { method } : { method, body };
  const response = await fetch(`http://127.0.0.1:${port}${path}`, init);
  const type = response.headers.get('content-type') ?? '';
  const status = String(response.status);
  validate([...keys, 'responses', status, 'content', type, 'schema'], await response.json());
  if (response.ok) {
    const headers = documented(document, keys, status)?.headers as object;
    assert.equal(
      response.headers.has('server-timing'),
      'server-timing' in headers,
      `${keys.join(' ')}: server-timing`,
    );
  }
  return response.status;
}

/** What the document says of the operation at `keys` when it ends with `status`. */
function documented({ paths }: OpenApiDocument, keys: readonly string[], status: string) {
  const [, path = '', method = ''] = keys;
  return paths[path]?.[method]?.responses[status];
}

/** The errors that the document says `path` can end with. */
function documentedErrors({ paths }: OpenApiDocument, path: string, method: string): string[] {
  return Object.values(paths[path]?.[method]?.responses ?? {}).flatMap(({ content }) =>
    Object.values(content as Content).flatMap((body) => Object.keys(body?.examples ?? {})),
  );
}

test('every example of every operation is answered as the document says', async (context) => {
  const service = await start(context);
  const all = operations(service.document);
  assert.ok(all.length >= 6);
  for (const operation of all) {
    const { keys, example, method } = operation;
    if (method === 'POST') {
      service.validate([...keys, 'requestBody', 'content', 'application/json', 'schema'], example);
    }
    const body = example === undefined ? undefined : JSON.stringify(example);
    assert.equal(await ask(service, operation, body), 200, keys.join(' '));
  }
});

test('every example passes the schema of its own operation, whatever the route says', () => {
  const stated = [{}, { max_texts: 1 }, { shape: 'one' }, { shape: 'list', max_texts: 1 }];
  for (const { options, operations } of Object.values(contracts)) {
    for (const one of stated.filter((one) => options.safeParse(one).success)) {
      for (const { method, request, example } of operations(options.parse(one))) {
        if (method === 'POST') assert.deepEqual(request?.parse(example), example);
      }
    }
  }
});

test('a list of texts is described as what it takes', async (context) => {
  const { document } = await start(context);
  const { requestBody } = document.paths['/predict']?.post ?? {};
  const schema = (requestBody?.content as Content)['application/json'] as { schema?: object };
  const ajv = new Ajv2020({ strictSchema: false });
  const takes = ajv.compile(schema.schema ?? {});
  for (const [body, isTaken] of [
    [{ text: ['a', ''] }, true],
    [{ text: [{}] }, false],
    [{ text: ['a', 1] }, false],
    [{ text: [] }, false],
    [{ text: Array(513).fill('a') }, false],
  ] as const) {
    assert.equal(takes(body), isTaken, JSON.stringify(body).slice(0, 40));
  }
});

test('what a body can be wrong with is answered as the document says', async (context) => {
  const service = await start(context, ['--max-body-size', '1KiB']);
  for (const operation of operations(service.document)) {
    if (operation.method !== 'POST') continue;
    assert.equal(await ask(service, operation, 'no JSON'), 400);
    assert.equal(await ask(service, operation, '{}'), 422);
    assert.equal(await ask(service, operation, `"${'x'.repeat(2000)}"`), 413);
  }
});

test('a body can be too large where none is taken, too', async (context) => {
  const service = await start(context, ['--max-body-size', '1KiB']);
  for (const { keys, path, method } of operations(service.document)) {
    const head = `${method} ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: 2000\r\n\r\n`;
    const answer = await exchangeRaw(service.port, head + 'x'.repeat(2000));
    const { status, body } = parseAnswer(answer);
    assert.equal(status, 413, keys.join(' '));
    const content = documented(service.document, keys, '413')?.content ?? {};
    const [type = ''] = Object.keys(content);
    service.validate([...keys, 'responses', '413', 'content', type, 'schema'], JSON.parse(body));
  }
});

test('an operation ends as bodies do if it takes one, and as models do if it asks them', async (context) => {
  const { document } = await start(context);
  for (const [method, path, takesBody, asksModels] of [
    ['get', '/sample/models', false, false],
    ['get', '/sample/models/{model}/warm-up', false, true],
    ['post', '/sample/count', true, false],
    ['post', '/sample/models/{model}/infer', true, true],
    ['post', '/process', true, true],
  ] as const) {
    const errors = documentedErrors(document, path, method);
    for (const [code, expected] of [
      ['internal', true],
      ['body_too_large', true],
      ['draining', true],
      ['invalid_json', takesBody],
      ['invalid_input', takesBody],
      ['queue_full', asksModels],
      ['inference_failed', asksModels],
      ['not_found', path.includes('{model}')],
      ['stalled', false],
    ] as const) {
      assert.equal(errors.includes(code), expected, `${method} ${path}: ${code}`);
    }
  }
});

test('the errors of the document are those of the table, as each format tells them', async (context) => {
  const { document, validate } = await start(context);
  const examples = document.components.examples as Readonly<Record<string, { value: unknown }>>;
  for (const format of ['Problem', 'Terse']) {
    for (const code of errorCodes.filter((code) => code !== 'cancelled')) {
      const example = examples[`${format}.${code}`];
      assert.ok(example, code);
      validate(['components', 'schemas', format], example.value);
    }
  }
});

test('every reference of the document leads somewhere', async (context) => {
  const { document } = await start(context);
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)];
  assert.ok(references.length > 0);
  for (const [, path = ''] of references) {
    const found = path
      .split('/')
      .reduce<unknown>((value, key) => (value as Record<string, unknown>)[key], document);
    assert.ok(found !== undefined, path);
  }
});

test('paths begin with the prefix, and a parameter lists its models', async (context) => {
  const { document } = await start(context, ['--path-prefix', '/project']);
  assert.deepEqual(Object.keys(document.paths), [
    '/project',
    '/project/health',
    '/project/openapi.json',
    ...Object.keys(ownContracts).map((name) => `/project/${name}`),
    '/project/sample/models',
    '/project/sample/models/{model}/infer',
    '/project/sample/models/{model}/warm-up',
    '/project/sample/count',
  ]);
  const infer = document.paths['/project/sample/models/{model}/infer']?.post;
  assert.deepEqual(infer?.parameters, [
    { name: 'model', in: 'path', required: true, schema: { type: 'string', enum: models } },
  ]);
});
