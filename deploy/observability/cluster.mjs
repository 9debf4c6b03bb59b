// What kube-state-metrics and the kubelet's cAdvisor would tell of a deployment `chorus` with an autoscaler and one pod that
// was killed once: the names and labels of src/testing/cluster-metrics.ts, in a format that Prometheus scrapes.

import { createServer } from 'node:http';

const POD = { namespace: 'texts', pod: 'chorus-7d4b9c8f5d-x2x7q', container: 'chorus' };
const DEPLOYMENT = { namespace: 'texts', deployment: 'chorus' };
const AUTOSCALER = { namespace: 'texts', horizontalpodautoscaler: 'chorus' };
const GIB = 1024 ** 3;

/** The samples after so many seconds. */
const samples = (seconds) => [
  ['container_cpu_cfs_periods_total', POD, 10 * seconds],
  ['container_cpu_cfs_throttled_periods_total', POD, seconds],
  ['container_memory_rss', POD, 2 * GIB],
  ['container_memory_working_set_bytes', POD, 3 * GIB],
  ['kube_deployment_spec_replicas', DEPLOYMENT, 2],
  [
    'kube_deployment_status_condition',
    { ...DEPLOYMENT, condition: 'Progressing', status: 'false' },
    0,
  ],
  ['kube_deployment_status_replicas_available', DEPLOYMENT, 1],
  ['kube_horizontalpodautoscaler_spec_max_replicas', AUTOSCALER, 4],
  ['kube_horizontalpodautoscaler_spec_min_replicas', AUTOSCALER, 2],
  ['kube_horizontalpodautoscaler_status_current_replicas', AUTOSCALER, 2],
  ['kube_horizontalpodautoscaler_status_desired_replicas', AUTOSCALER, 3],
  ['kube_pod_container_resource_limits', { ...POD, resource: 'memory', unit: 'byte' }, 4 * GIB],
  ['kube_pod_container_resource_limits', { ...POD, resource: 'cpu', unit: 'core' }, 2],
  ['kube_pod_container_status_last_terminated_reason', { ...POD, reason: 'OOMKilled' }, 1],
  ['kube_pod_container_status_restarts_total', POD, 1],
  ['kube_pod_container_status_waiting_reason', { ...POD, reason: 'ContainerCreating' }, 0],
  [
    'kube_pod_init_container_status_waiting_reason',
    { ...POD, container: 'pull', reason: 'ErrImagePull' },
    0,
  ],
];

/** A server on loopback that has them scraped; it ends with the process. */
export function serveCluster(port) {
  const started = Date.now();
  const server = createServer((_, response) => {
    const lines = samples((Date.now() - started) / 1000).map(([name, labels, value]) => {
      const written = Object.entries(labels).map(([label, text]) => `${label}="${text}"`);
      return `${name}{${written.join(',')}} ${value}\n`;
    });
    response.setHeader('content-type', 'text/plain; version=0.0.4');
    response.end(lines.join(''));
  });
  server.listen(port, '127.0.0.1').unref();
}
