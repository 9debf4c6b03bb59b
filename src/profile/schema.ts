/**
 * The shape of a profile: which models are served, and on which routes.
 *
 * `read.ts` turns a YAML file into a `Profile`; nothing after it sees an optional field.
 */

import { z } from 'zod';

import { KEY_NAME, KEY_NAME_EXPECTED } from '../keys/keyring.js';
import { ofEachInexact, type InexactPrecision } from '../precisions.js';

/** Model names are keys of answers, metric labels and folder names. */
const name = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'must be letters, digits, ".", "_" and "-"');

const revision = z
  .string()
  .regex(/^[0-9a-f]{7,40}$/, 'must be a commit id of 7 to 40 hexadecimal digits, in quotes');

const source = z.strictObject({
  /** The repository on the hub, `owner/name`. */
  repo: z.string().regex(/^[\w.-]+\/[\w.-]+$/, 'must be owner/name'),
  revision,
  /** The commit to take the weights from, where `revision` has none in a format that is read. */
  weights_revision: revision.optional(),
});

/** At start, or when a request asks for it. */
const load = z.enum(['eager', 'lazy']);

const model = z.strictObject({
  name,
  source: source.optional(),
  /** The checkpoint's folder, or a graph in it whose name ends in `.onnx`; relative to the profile. */
  path: z.string().min(1).optional(),
  /** New names for labels of the checkpoint; labels not listed keep theirs. An encoder has none. */
  labels: z.record(z.string(), z.string().min(1)).optional(),
  /** Two special tokens and the least of a text: what the engine takes. */
  max_tokens: z.int().min(4).optional(),
  /** What computes it, where its folder has both: the weights if Chorus knows their kind, unless this says more. */
  format: z.enum(['auto', 'checkpoint', 'onnx']).optional(),
  /** Which graph computes it, where its folder or repository has several. */
  graph: z
    .string()
    .regex(
      /^(?:onnx\/)?[^/]+\.onnx$/,
      'must be a graph in the folder or in its onnx/, such as onnx/model_O2.onnx',
    )
    .optional(),
  /** Serves the encoder's vectors instead of its head. */
  pooling: z.enum(['cls', 'mean']).optional(),
  load: load.optional(),
});

const KEYS_EXPECTED = 'must be none, or names of keys such as [web, phone]';

const keyNames = z
  .array(z.string().regex(KEY_NAME, `must be ${KEY_NAME_EXPECTED}`))
  .min(1, KEYS_EXPECTED);

/** What else it says are options of its contract, which knows them. */
const route = z.looseObject({
  path: z.string().regex(/^(?:\/[A-Za-z0-9._~-]+)+$/, 'must be a path such as /process'),
  /** Which contracts there are is for `routes/endpoints.ts` to know. */
  contract: z.string(),
  models: z.array(name).min(1).optional(),
  /** The class of requests that do not state one. */
  priority: z.enum(['interactive', 'batch']).default('interactive'),
  /** How a request is refused when there is too much to do; some clients try again after a 429 only. */
  overload_status: z.union([z.literal(503), z.literal(429)]).default(503),
  /** Whose keys open it, where the service asks for keys: any that there is, unless this says more. */
  keys: z.union([z.literal('none'), keyNames], { error: KEYS_EXPECTED }).optional(),
});

const golden = z.strictObject({
  text: z.string(),
  /** The best label, as served, of some of the models. */
  labels: z.record(name, z.string()),
});

export const profileSchema = z
  .strictObject({
    name,
    /** The folder of the index that its routes look in, relative to the profile; a setting may name another. */
    index: z.string().min(1).optional(),
    /** Of models that do not say it themselves. */
    load: load.default('eager'),
    models: z.array(model).min(1),
    routes: z.array(route).min(1),
    /** Precisions besides exact that may be served, with the least share of equal labels. */
    precisions: z.strictObject(ofEachInexact(() => z.number().min(0).max(1).optional())).optional(),
    /** Texts whose answers are known; `chorus check` asks for them. */
    golden: z.array(golden).optional(),
  })
  .superRefine(({ models, routes, golden = [] }, context) => {
    const complain = (path: (string | number)[], message: string) => {
      context.addIssue({ code: 'custom', path, message });
    };
    for (const [index, { name, labels, pooling, format, graph, path }] of models.entries()) {
      if (models.findIndex((other) => other.name === name) < index) {
        complain(['models', index, 'name'], 'names a second model; names must differ');
      }
      if (labels !== undefined && pooling !== undefined) {
        complain(['models', index, 'labels'], 'cannot be: a model with pooling has none');
      }
      if (graph !== undefined && format === 'checkpoint') {
        complain(['models', index, 'graph'], 'cannot be: format wants the weights');
      }
      if (format === 'checkpoint' && path?.endsWith('.onnx')) {
        complain(['models', index, 'format'], 'cannot be: path names a graph');
      }
      if (graph !== undefined && path?.endsWith('.onnx')) {
        complain(['models', index, 'graph'], 'cannot be: path names the graph');
      }
    }
    for (const [index, { labels }] of golden.entries()) {
      for (const name of Object.keys(labels)) {
        const place = ['golden', index, 'labels', name];
        const model = models.find((model) => model.name === name);
        if (model === undefined) complain(place, 'is not a model of this profile');
        else if (model.pooling !== undefined) {
          complain(place, 'cannot be: a model with pooling has no labels');
        }
      }
    }
    for (const [index, { models: wanted = [] }] of routes.entries()) {
      for (const [position, name] of wanted.entries()) {
        const place = ['routes', index, 'models', position];
        if (!models.some((model) => model.name === name)) {
          complain(place, 'is not a model of this profile');
        }
        if (wanted.indexOf(name) < position) {
          complain(place, 'names a model a second time; an answer has each once');
        }
      }
    }
  });

export interface ProfileModel {
  readonly name: string;
  /** The absolute path of the user's own folder or graph, which need not be there; see `hub/installed.ts`. */
  readonly folder: string;
  readonly source: ModelSource | undefined;
  readonly labels: Readonly<Record<string, string>>;
  /** 0: as many as the model reads. */
  readonly maxTokens: number;
  readonly format: 'auto' | 'checkpoint' | 'onnx';
  /** Relative to the folder of the weights; empty: the usual one. */
  readonly graph: string;
  /** Empty: the checkpoint's own head. */
  readonly pooling: 'cls' | 'mean' | '';
  readonly load: 'eager' | 'lazy';
}

export interface ModelSource {
  readonly repo: string;
  readonly revision: string;
  readonly weightsRevision: string;
}

export interface ProfileRoute {
  readonly path: string;
  readonly contract: string;
  readonly models: readonly string[];
  readonly priority: 'interactive' | 'batch';
  readonly overloadStatus: 503 | 429;
  /** Names of keys, where the service asks for keys; `any` is each that there is, `none` no key at all. */
  readonly keys: 'any' | 'none' | readonly string[];
  /** What it says besides, as its contract takes it. */
  readonly options: Readonly<Record<string, unknown>>;
}

/** The share of labels, in [0, 1], that must be those of exact; a precision without one is not served. */
export type Precisions = Readonly<Partial<Record<InexactPrecision, number | undefined>>>;

/** What a profile that says nothing allows. */
export const DEFAULT_PRECISIONS: Precisions = ofEachInexact(({ agreement }) => agreement);

/** A text and the best label of some models. */
export interface Golden {
  readonly text: string;
  readonly labels: Readonly<Record<string, string>>;
}

export interface Profile {
  readonly name: string;
  /** Where it was read from; its lock lies beside it. */
  readonly file: string;
  /** The absolute path of its own index; empty: it has none. */
  readonly index: string;
  readonly models: readonly ProfileModel[];
  readonly routes: readonly ProfileRoute[];
  readonly precisions: Precisions;
  readonly golden: readonly Golden[];
  /** A line for a person about the entry at `path`: `file:line:column: models[0].name: what`. */
  readonly fault: (path: ProfilePath, what: string) => string;
}

/** Such as `['models', 0, 'name']`; the entry may be missing, then what is around it is meant. */
export type ProfilePath = readonly (string | number)[];
