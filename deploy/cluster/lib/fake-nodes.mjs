/**
 * Nodes that run nothing: kwok reports their pods as ready, and metrics-server the CPU they claim.
 *
 * Annotations of a pod say how it behaves: `test/never-ready`, `test/ready-after: 3s`,
 * `kwok.x-k8s.io/usage-cpu: 450m`.
 */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { parseAllDocuments, stringify } from 'yaml';

import { run, tool } from './programs.mjs';

const KWOK_PORT = 10247;
const METRICS_PORT = 10248;

export async function startFakeNodes(plane, count) {
  const file = join(plane.folder, 'kwok.yaml');
  writeFileSync(file, await stages());
  plane.programs.start('kwok', tool('controlplane'), [
    'kwok',
    `--config=${file}`,
    `--kubeconfig=${plane.kubeconfig}`,
    '--manage-all-nodes=true',
    // Without leases the controllers hold nodes for dead after 50 s.
    '--node-lease-duration-seconds=40',
    `--server-address=127.0.0.1:${KWOK_PORT}`,
    '--node-ip=127.0.0.1',
    `--node-port=${KWOK_PORT}`,
    '--cidr=10.244.0.0/16',
  ]);
  await plane.apply({
    apiVersion: 'v1',
    kind: 'List',
    items: Array.from({ length: count }, (_, index) => fakeNode(`node-${index}`, `zone-${index}`)),
  });
  await startMetrics(plane);
  await plane.kubectl('wait', '--for=condition=Ready', 'nodes', '--all', '--timeout=60s');
}

function fakeNode(name, zone) {
  const capacity = { cpu: '32', memory: '256Gi', pods: '110' };
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      labels: { 'kubernetes.io/hostname': name, 'topology.kubernetes.io/zone': zone },
      annotations: {
        'metrics.k8s.io/resource-metrics-path': `/metrics/nodes/${name}/metrics/resource`,
      },
    },
    status: { capacity, allocatable: capacity },
  };
}

/** kwok's own stages, with the two annotations added to the one that makes a pod ready. */
async function stages() {
  const { stdout } = await run(tool('controlplane'), ['kwok-stages']);
  const all = parseAllDocuments(stdout).map((document) => document.toJS());
  const ready = all.find(({ metadata }) => metadata.name === 'pod-ready');
  const annotation = (name) => `.metadata.annotations["test/${name}"]`;
  ready.spec.selector.matchExpressions.push({
    key: annotation('never-ready'),
    operator: 'DoesNotExist',
  });
  ready.spec.delay = {
    durationMilliseconds: 0,
    durationFrom: { expressionFrom: annotation('ready-after') },
  };
  return all.map((stage) => stringify(stage)).join('---\n');
}

async function startMetrics(plane) {
  plane.programs.start('metrics-server', tool('metrics-server'), [
    `--kubeconfig=${plane.kubeconfig}`,
    `--authentication-kubeconfig=${plane.kubeconfig}`,
    `--authorization-kubeconfig=${plane.kubeconfig}`,
    '--bind-address=127.0.0.1',
    `--secure-port=${METRICS_PORT}`,
    `--cert-dir=${plane.pki}`,
    '--kubelet-insecure-tls',
    '--kubelet-use-node-status-port',
    '--kubelet-preferred-address-types=InternalIP',
    '--metric-resolution=10s',
    // Must be shorter than the resolution.
    '--kubelet-request-timeout=5s',
  ]);
  const service = { name: 'metrics-server', namespace: 'kube-system' };
  await plane.apply({
    apiVersion: 'v1',
    kind: 'List',
    items: [
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: service,
        spec: { type: 'ExternalName', externalName: 'localhost', ports: [{ port: METRICS_PORT }] },
      },
      {
        apiVersion: 'apiregistration.k8s.io/v1',
        kind: 'APIService',
        metadata: { name: 'v1beta1.metrics.k8s.io' },
        spec: {
          group: 'metrics.k8s.io',
          version: 'v1beta1',
          groupPriorityMinimum: 100,
          versionPriority: 100,
          insecureSkipTLSVerify: true,
          service: { ...service, port: METRICS_PORT },
        },
      },
    ],
  });
}
