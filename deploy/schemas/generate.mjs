/**
 * Writes the JSON schemas that `make chart` validates manifests with: `node deploy/schemas/generate.mjs`.
 *
 * `sources.mjs` says where they come from. The results are committed: validating needs neither the
 * sources nor a network. Unknown fields are refused wherever the source lists the known.
 */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { customResources, definitionOf, kubernetes, read } from './sources.mjs';

const DEFINITIONS = '#/definitions/';

/** On the wire it is a string or a number; Kubernetes' document says string. */
const quantity = { type: ['string', 'number'] };

writeKubernetes();
for (const resource of customResources) writeCustomResource(resource);

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

function writeCustomResource(resource) {
  const [, version] = resource.kind.split(' ')[0].split('/');
  const { schema } = definitionOf(resource).spec.versions.find(({ name }) => name === version);
  write(resource.kind, strict(schema.openAPIV3Schema));
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
