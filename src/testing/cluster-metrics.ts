/**
 * What alerts and dashboard ask for beside the service's own metrics, with the labels that they use of it. No test here has
 * a cluster that would be scraped, so this list is held against the two exporters by hand:
 *
 * - kube-state-metrics, docs/metrics/workload/{deployment,horizontalpodautoscaler,pod}-metrics.md.
 * - cAdvisor of the kubelet, docs/storage/prometheus.md; the kubelet adds namespace, pod and container.
 */

const POD = ['namespace', 'pod', 'container'];
const DEPLOYMENT = ['namespace', 'deployment'];
const AUTOSCALER = ['namespace', 'horizontalpodautoscaler'];

export const CLUSTER_METRICS: Readonly<Record<string, readonly string[]>> = {
  container_cpu_cfs_periods_total: POD,
  container_cpu_cfs_throttled_periods_total: POD,
  container_memory_rss: POD,
  container_memory_working_set_bytes: POD,
  kube_deployment_spec_replicas: DEPLOYMENT,
  kube_deployment_status_condition: [...DEPLOYMENT, 'condition', 'status'],
  kube_deployment_status_replicas_available: DEPLOYMENT,
  kube_horizontalpodautoscaler_spec_max_replicas: AUTOSCALER,
  kube_horizontalpodautoscaler_spec_min_replicas: AUTOSCALER,
  kube_horizontalpodautoscaler_status_current_replicas: AUTOSCALER,
  kube_horizontalpodautoscaler_status_desired_replicas: AUTOSCALER,
  kube_pod_container_resource_limits: [...POD, 'resource'],
  kube_pod_container_status_last_terminated_reason: [...POD, 'reason'],
  kube_pod_container_status_restarts_total: POD,
  kube_pod_container_status_waiting_reason: [...POD, 'reason'],
  kube_pod_init_container_status_waiting_reason: [...POD, 'reason'],
};
