import assert from 'node:assert/strict';
import { test } from 'node:test';

import { z } from 'zod';

import { problem } from '../errors/problem.js';
import type { Profile, ProfileRoute } from '../profile/schema.js';
import { StartError } from '../start-error.js';
import { testProfile } from '../testing/test-service.js';
import { endpointsOf, unfitModels } from './endpoints.js';
import { contracts, type Contracts } from './index.js';
import { noOptions, operation, type Operation } from './operation.js';
import { usualRoute } from '../testing/usual-route.js';

function get(path: string): Operation {
  return operation({
    method: 'GET',
    path,
    summary: '',
    response: z.string(),
    asksModels: false,
    answer: () => '',
  });
}

const known: Contracts = {
  ...contracts,
  pages: {
    tasks: ['classification', 'embedding'],
    errors: problem,
    asksOneModel: false,
    options: noOptions,
    operations: () => [get(''), get('/a/{model}')],
  },
};

function profileOf(routes: readonly [contract: string, path: string][]): Profile {
  const all = routes.map(([contract, path]): ProfileRoute => ({
    contract,
    path,
    models: ['m'],
    ...usualRoute,
  }));
  return testProfile(['m'], all);
}

function faultsOf(profile: Profile, prefix = ''): readonly string[] {
  try {
    endpointsOf(profile, prefix, known);
  } catch (error) {
    assert.ok(error instanceof StartError);
    assert.equal(error.exitCode, 2);
    return error.lines;
  }
  return [];
}

test('every operation of every route has its path, behind the prefix', () => {
  const profile = profileOf([
    ['process', '/process'],
    ['pages', '/v2'],
  ]);
  const endpoints = endpointsOf(profile, '/project', known);
  assert.deepEqual(
    endpoints.map(({ path, route }) => [path, route.path]),
    [
      ['/project/process', '/project/process'],
      ['/project/v2', '/project/v2'],
      ['/project/v2/a/{model}', '/project/v2'],
    ],
  );
});

for (const [routes, fault] of [
  [
    [['proces', '/x']],
    'routes.0.contract: must be one of predict, prediction, process, retrieve, pages',
  ],
  [
    [['constructor', '/x']],
    'routes.0.contract: must be one of predict, prediction, process, retrieve, pages',
  ],
  [[['process', '/health']], 'routes.0.path: /health is taken by the service itself'],
  [[['process', '/openapi.json']], 'routes.0.path: /openapi.json is taken by the service itself'],
  [[['process', '/docs']], 'routes.0.path: /docs is taken by the service itself'],
  [[['process', '/docs/x']], 'routes.0.path: /docs/x is taken by the service itself'],
  [
    [
      ['process', '/x'],
      ['process', '/x'],
    ],
    'routes.1.path: /x is taken by the route /x',
  ],
  [
    [
      ['pages', '/x'],
      ['process', '/x/a/b'],
    ],
    'routes.1.path: /x/a/b is taken by the route /x',
  ],
  [
    [
      ['process', '/x'],
      ['pages', '/x'],
    ],
    'routes.1.path: /x is taken by the route /x',
  ],
] as [[string, string][], string][]) {
  test(`${JSON.stringify(routes)} is refused: ${fault}`, () => {
    assert.deepEqual(faultsOf(profileOf(routes)), [fault]);
  });
}

test('a path that only begins like another is free', () => {
  assert.deepEqual(
    faultsOf(
      profileOf([
        ['pages', '/x'],
        ['process', '/x/a'],
        ['process', '/health/x'],
      ]),
    ),
    [],
  );
});

test('a model that pools is an encoder, which the contract process does not take', () => {
  const profile = profileOf([['process', '/process']]);
  const models = profile.models.map((model) => ({ ...model, pooling: 'mean' as const }));
  assert.deepEqual(faultsOf({ ...profile, models }), [
    'routes.0.contract: process takes classifiers, and m is an encoder',
  ]);
  const pages = { ...profileOf([['pages', '/v2']]), models };
  assert.deepEqual(faultsOf(pages), []);
});

test('a folder says what a model is where the profile does not', () => {
  const encoders: Contracts = {
    vectors: {
      tasks: ['embedding'],
      asksOneModel: false,
      errors: problem,
      options: noOptions,
      operations: () => [],
    },
  };
  const profile = testProfile(
    ['m', 'n'],
    [
      { contract: 'process', path: '/x', models: ['n', 'm'], ...usualRoute },
      { contract: 'vectors', path: '/y', models: ['m', 'n'], ...usualRoute },
    ],
  );
  const all = { ...contracts, ...encoders };
  // Nothing is known of either yet, so that neither is refused.
  assert.equal(endpointsOf(profile, '', all).length, 1);
  const tasks = new Map([
    ['m', 'embedding'],
    ['n', 'classification'],
  ] as const);
  assert.deepEqual(unfitModels(profile, tasks, all), [
    'routes.0.contract: process takes classifiers, and m is an encoder',
    'routes.1.contract: vectors takes encoders, and n is a classifier',
  ]);
});

test('all faults are told at once', () => {
  const profile = profileOf([
    ['proces', '/x'],
    ['process', '/health'],
  ]);
  assert.equal(faultsOf(profile).length, 2);
});

test("a route's options are its contract's, which tells what is wrong with each", () => {
  const routes = [
    {
      contract: 'predict',
      path: '/a',
      models: ['m'],
      ...usualRoute,
      options: { order: 'class', max_texts: 9 },
    },
    {
      contract: 'predict',
      path: '/b',
      models: ['m'],
      ...usualRoute,
      options: { order: 'best', max_texts: 0 },
    },
    {
      contract: 'predict',
      path: '/c',
      models: ['m', 'n'],
      ...usualRoute,
      options: { sorted: true },
    },
    { contract: 'process', path: '/d', models: ['m'], ...usualRoute, options: { order: 'class' } },
  ];
  assert.deepEqual([...faultsOf(testProfile(['m', 'n'], routes))].sort(), [
    'routes.1.max_texts: Too small: expected number to be >=1',
    'routes.1.order: Invalid option: expected one of "score"|"class"',
    'routes.2.models: predict takes one model, and there are 2: m, n',
    'routes.2.sorted: is not a known key',
    'routes.3.order: is not a known key',
  ]);
});
