/**
 * Every operation of a profile at its full path: what the router mounts, the banner shows and
 * `openapi.json` describes.
 *
 * A profile's mistakes that only contracts can see end here, before any model is loaded: a contract that
 * does not exist, two operations at one place, a model of the wrong kind (`unfitModels`).
 */

import type { z } from 'zod';

import type { Priority, Task } from '../engine/engine.js';
import { refusingWith, type ErrorFormat, type FormatOf } from '../errors/formats.js';
import { problem } from '../errors/problem.js';
import type { Profile } from '../profile/schema.js';
import { exitCodes, StartError } from '../start-error.js';
import { contracts, type Contracts } from './index.js';
import type { Contract, Operation } from './operation.js';

export interface Endpoint {
  /** From the root, with parameters such as `{model}`. */
  readonly path: string;
  readonly operation: Operation;
  readonly route: Route;
}

/** One of a profile's routes, or the service itself. */
export interface Route {
  /** From the root; empty for a service without a path prefix. */
  readonly path: string;
  /** The contract's name in the profile. */
  readonly contract: string;
  readonly errors: ErrorFormat;
  /** Names, in the profile's order. */
  readonly models: readonly string[];
  /** The class of requests that do not state one. */
  readonly priority: Priority;
  /** Who may use it, where keys are asked for. */
  readonly keys: Profile['routes'][number]['keys'];
}

/** What the service itself answers below its path prefix, whatever the profile; see `own.ts`. */
export const ownPaths = {
  index: '',
  health: '/health',
  openapi: '/openapi.json',
  docs: '/docs',
  docsAssets: '/docs/{name}',
} as const;

/**
 * The operations of all routes of `profile`, in its order, below `prefix`.
 *
 * @throws {StartError} listing every fault with its line and column.
 */
export function endpointsOf(
  profile: Profile,
  prefix: string,
  known: Contracts = contracts,
): readonly Endpoint[] {
  const faults: string[] = [...unfitModels(profile, tasksStated(profile), known)];
  const endpoints: Endpoint[] = [];
  for (const [index, stated] of profile.routes.entries()) {
    const { path, contract: name, models, priority, keys, overloadStatus } = stated;
    const fault = (key: string, what: string) => {
      faults.push(profile.fault(['routes', index, key], what));
    };
    const contract = Object.hasOwn(known, name) ? known[name] : undefined;
    if (contract === undefined) {
      fault('contract', `must be one of ${Object.keys(known).join(', ')}`);
      continue;
    }
    if (contract.asksOneModel && models.length !== 1) {
      fault(
        'models',
        `${name} takes one model, and there are ${models.length}: ${models.join(', ')}`,
      );
    }
    const options = contract.options.safeParse(stated.options);
    if (!options.success) {
      for (const issue of options.error.issues) {
        for (const [key, what] of optionFaults(issue)) fault(key, what);
      }
      continue;
    }
    const errors = refusingWith(overloadStatus, contract.errors);
    const route = { path: prefix + path, contract: name, errors, models, priority, keys };
    for (const operation of contract.operations(options.data)) {
      const endpoint = { path: route.path + operation.path, operation, route };
      const owner = ownerOf(endpoint, endpoints, prefix);
      if (owner === undefined) endpoints.push(endpoint);
      else fault('path', `${endpoint.path} is taken by ${owner}`);
    }
  }
  if (faults.length > 0) throw new StartError(faults, exitCodes.usage);
  return endpoints;
}

/** What is wrong with a route's options, each by its key. */
function optionFaults(issue: z.core.$ZodIssue): [key: string, what: string][] {
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => [key, 'is not a known key']);
  return [[String(issue.path[0] ?? ''), issue.message]];
}

/** What models are, by their names; one that is not there is not known yet. */
export type Tasks = ReadonlyMap<string, Task>;

/** A fault, with its line and column, for each model that is asked by a contract for another kind. */
export function unfitModels(
  profile: Profile,
  tasks: Tasks,
  known: Contracts = contracts,
): readonly string[] {
  return profile.routes.flatMap(({ contract: name, models }, index) => {
    const contract = Object.hasOwn(known, name) ? known[name] : undefined;
    if (contract === undefined) return [];
    return models.flatMap((model) => {
      const task = tasks.get(model);
      if (task === undefined || contract.tasks.includes(task)) return [];
      const what = `${name} takes ${namesOf(contract)}, and ${model} is ${NAMES[task].one}`;
      return profile.fault(['routes', index, 'contract'], what);
    });
  });
}

/** The format of the route whose path is the longest beginning of the one asked for; problems where none is. */
export function errorFormats(endpoints: readonly Endpoint[]): FormatOf {
  const routes = [...new Set(endpoints.map(({ route }) => route))].sort(
    (a, b) => b.path.length - a.path.length,
  );
  return (asked) => {
    const owner = routes.find(({ path }) => asked === path || asked.startsWith(`${path}/`));
    return owner?.errors ?? problem;
  };
}

const NAMES: Readonly<Record<Task, { readonly one: string; readonly many: string }>> = {
  classification: { one: 'a classifier', many: 'classifiers' },
  embedding: { one: 'an encoder', many: 'encoders' },
};

function namesOf({ tasks }: Contract): string {
  return tasks.map((task) => NAMES[task].many).join(' and ');
}

/** What a profile alone says: one that pools makes an encoder of a model. Of others, their folders say it. */
function tasksStated({ models }: Profile): Tasks {
  const pooled = models.filter(({ pooling }) => pooling !== '');
  return new Map(pooled.map(({ name }) => [name, 'embedding']));
}

/** Who has the place of `endpoint` already. */
function ownerOf(
  endpoint: Endpoint,
  others: readonly Endpoint[],
  prefix: string,
): string | undefined {
  if (Object.values(ownPaths).some((path) => overlap(prefix + path, endpoint.path))) {
    return 'the service itself';
  }
  const other = others.find(
    ({ path, route, operation }) =>
      overlap(path, endpoint.path) &&
      // A route may take several methods of a path; two routes cannot share one, nor its 405.
      (route !== endpoint.route || operation.method === endpoint.operation.method),
  );
  return other && `the route ${other.route.path}`;
}

/** Whether some path is both. */
function overlap(one: string, other: string): boolean {
  const [these, those] = [one.split('/'), other.split('/')];
  return (
    these.length === those.length &&
    these.every((part, at) => {
      const counterpart = those[at] ?? '';
      return part === counterpart || part.startsWith('{') || counterpart.startsWith('{');
    })
  );
}
