/**
 * Writes the JSON schemas that `make chart` validates manifests with: `node deploy/schemas/generate.mjs`.
 *
 * Sources are Kubernetes' own OpenAPI document and the custom resource definitions that each project
 * publishes, read from Go modules of the versions below. The results are committed: validating needs
 * neither these modules nor a network. Unknown fields are refused wherever the source lists the known.
 */

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { parseAllDocuments } from 'yaml';

const kubernetes = {
  module: 'k8s.io/kubernetes@v1.36.3',
  file: 'api/openapi-spec/swagger.json',
  kinds: [
    'apps/v1 Deployment',
    'autoscaling/v2 HorizontalPodAutoscaler',
    'networking.k8s.io/v1 Ingress',
    'networking.k8s.io/v1 NetworkPolicy',
    'policy/v1 PodDisruptionBudget',
    'v1 ConfigMap',
    'v1 Namespace',
    'v1 Pod',
    'v1 Service',
    'v1 ServiceAccount',
  ],
};

const customResources = [
  {
    module: 'github.com/prometheus-operator/prometheus-operator@v0.85.0',
    file: 'example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml',
    kind: 'monitoring.coreos.com/v1 PrometheusRule',
  },
  {
    module: 'github.com/prometheus-operator/prometheus-operator@v0.85.0',
    file: 'example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml',
    kind: 'monitoring.coreos.com/v1 ServiceMonitor',
  },
  {
    module: 'github.com/kedacore/keda/v2@v2.21.0',
    file: 'config/crd/bases/keda.sh_scaledobjects.yaml',
    kind: 'keda.sh/v1alpha1 ScaledObject',
  },
  {
    module: 'sigs.k8s.io/gateway-api@v1.6.3',
    file: 'config/crd/standard/gateway.networking.k8s.io_httproutes.yaml',
    kind: 'gateway.networking.k8s.io/v1 HTTPRoute',
  },
  {
    module: 'istio.io/api@v1.31.1',
    file: 'kubernetes/customresourcedefinitions.gen.yaml',
    kind: 'networking.istio.io/v1 VirtualService',
  },
  {
    module: 'github.com/kserve/kserve@v0.16.0',
    file: 'config/crd/full/serving.kserve.io_servingruntimes.yaml',
    kind: 'serving.kserve.io/v1alpha1 ServingRuntime',
  },
  {
    module: 'github.com/kserve/kserve@v0.16.0',
    file: 'config/crd/full/serving.kserve.io_inferenceservices.yaml',
    kind: 'serving.kserve.io/v1beta1 InferenceService',
  },
];

const DEFINITIONS = '#/definitions/';

/** On the wire it is a string or a number; Kubernetes' document says string. */
const quantity = { type: ['string', 'number'] };

writeKubernetes();
for (const resource of customResources) writeCustomResource(resource);

/** The text of a module's file. Go downloads the module unless it is there, and verifies it. */
function read({ module, file }) {
  const options = { cwd: '/', encoding: 'utf8' };
  const { Dir } = JSON.parse(execFileSync('go', ['mod', 'download', '-json', module], options));
  return readFileSync(join(Dir, file), 'utf8');
}

function writeKubernetes() {
  const { definitions } = JSON.parse(read(kubernetes));
  const resolved = (name) =>
    name.endsWith('.resource.Quantity') ? quantity : strict(definitions[name]);

  const missing = new Set(kubernetes.kinds);
  for (const [name, definition] of Object.entries(definitions)) {
    // Types of all groups, such as DeleteOptions, list many.
    const [id, ...others] = definition['x-kubernetes-group-version-kind'] ?? [];
    if (id === undefined || others.length > 0) continue;
    const kind = `${id.group === '' ? '' : `${id.group}/`}${id.version} ${id.kind}`;
    if (!missing.delete(kind)) continue;
    const schema = resolved(name);
    const names = [...reachable(schema, resolved)].sort();
    write(kind, { ...schema, definitions: Object.fromEntries(names.map((n) => [n, resolved(n)])) });
  }
  if (missing.size > 0) throw new Error(`${kubernetes.module} lacks ${[...missing].join(', ')}`);
}

function writeCustomResource({ kind, ...source }) {
  const [apiVersion, name] = kind.split(' ');
  const [group, version] = apiVersion.split('/');
  const found = parseAllDocuments(read(source))
    .map((document) => document.toJS()?.spec)
    .find((spec) => spec?.group === group && spec.names.kind === name)
    ?.versions.find((served) => served.name === version);
  if (found === undefined) throw new Error(`${source.module} lacks ${kind}`);
  write(kind, strict(found.schema.openAPIV3Schema));
}

/** The names of all definitions that `schema` needs. */
function reachable(schema, resolved, names = new Set()) {
  JSON.stringify(schema, (key, value) => {
    const name = key === '$ref' ? value.slice(DEFINITIONS.length) : undefined;
    if (name !== undefined && !names.has(name))
      reachable(resolved(name), resolved, names.add(name));
    return value;
  });
  return names;
}

/**
 * What a validator needs of an OpenAPI schema: no prose, nothing allowed that is not named, and null
 * for what is optional, as the API server has it.
 */
function strict(schema, isOptional = false) {
  if (schema.$ref !== undefined) {
    const { $ref } = schema;
    return isOptional ? { anyOf: [{ $ref }, { type: 'null' }] } : { $ref };
  }
  if (schema['x-kubernetes-int-or-string'] || schema.format === 'int-or-string') {
    return { type: ['string', 'integer'] };
  }
  const result = {};
  for (const [key, value] of Object.entries(schema)) {
    if (/^x-/.test(key) || ['description', 'default', 'nullable'].includes(key)) continue;
    if (key === 'properties') {
      const { required = [] } = schema;
      result.properties = Object.fromEntries(
        Object.entries(value).map(([name, property]) => [
          name,
          strict(property, !required.includes(name)),
        ]),
      );
    } else if (key === 'items' || (key === 'additionalProperties' && typeof value === 'object')) {
      result[key] = strict(value);
    } else result[key] = value;
  }
  const isOpen = schema['x-kubernetes-preserve-unknown-fields'] === true;
  if (result.properties !== undefined && !isOpen) result.additionalProperties ??= false;
  if (isOptional && typeof result.type === 'string') result.type = [result.type, 'null'];
  return result;
}

/** Named as kubeconform asks for it: kind, group up to its first dot, version. */
function write(kind, schema) {
  const [apiVersion, name] = kind.split(' ');
  const [version, group] = apiVersion.split('/').reverse();
  const complete = {
    $schema: 'http://json-schema.org/draft-07/schema#',
    ...schema,
    properties: {
      // Definitions of custom resources leave it out, or say no more than that.
      metadata: { type: 'object' },
      ...schema.properties,
      apiVersion: { enum: [apiVersion] },
      kind: { enum: [name] },
    },
    required: [...new Set([...(schema.required ?? []), 'apiVersion', 'kind', 'metadata'])],
  };
  const file = [name, ...(group === undefined ? [] : [group.split('.')[0]]), version].join('-');
  const path = join(import.meta.dirname, `${file.toLowerCase()}.json`);
  writeFileSync(path, `${JSON.stringify(complete)}\n`);
}
