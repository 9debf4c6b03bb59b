/**
 * Where schemas come from: Kubernetes' own OpenAPI document, and the definitions of custom resources that
 * each project publishes, in Go modules of these versions.
 */

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { parseAllDocuments } from 'yaml';

export const kubernetes = {
  module: 'k8s.io/kubernetes@v1.36.3',
  file: 'api/openapi-spec/swagger.json',
  kinds: [
    'apps/v1 Deployment',
    'batch/v1 CronJob',
    'batch/v1 Job',
    'autoscaling/v2 HorizontalPodAutoscaler',
    'networking.k8s.io/v1 Ingress',
    'networking.k8s.io/v1 NetworkPolicy',
    'policy/v1 PodDisruptionBudget',
    'v1 ConfigMap',
    'v1 Namespace',
    'v1 PersistentVolumeClaim',
    'v1 Pod',
    'v1 Secret',
    'v1 Service',
    'v1 ServiceAccount',
  ],
};

export const customResources = [
  {
    module: 'github.com/prometheus-operator/prometheus-operator@v0.85.0',
    file: 'example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml',
    kind: 'monitoring.coreos.com/v1 PodMonitor',
  },
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

/** Brings the definitions of custom resources into Go's cache: from then on `definitionOf` needs no network. */
export function fetchDefinitions() {
  for (const module of new Set(customResources.map(({ module }) => module))) folderOf(module);
}

/** The CustomResourceDefinition of an entry of `customResources`. */
export function definitionOf({ kind, ...source }) {
  const [apiVersion, name] = kind.split(' ');
  const [group] = apiVersion.split('/');
  const found = parseAllDocuments(read(source))
    .map((document) => document.toJS())
    .find((crd) => crd?.spec?.group === group && crd.spec.names.kind === name);
  if (found === undefined) throw new Error(`${source.module} lacks ${kind}`);
  return found;
}

/** The text of a module's file. */
export function read({ module, file }) {
  return readFileSync(join(folderOf(module), file), 'utf8');
}

/** Where a module is. Go downloads it unless it is there, and verifies it. */
function folderOf(module) {
  const options = { cwd: '/', encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] };
  return JSON.parse(execFileSync('go', ['mod', 'download', '-json', module], options)).Dir;
}
