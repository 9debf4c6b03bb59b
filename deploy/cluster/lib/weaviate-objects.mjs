/**
 * What Weaviate's own chart makes of the example's values, as far as it matters here: a node has a name, finds the others by
 * theirs, and keeps its data while its pod lives. The chart itself is not at hand where there is no network.
 */

export const NAMESPACE = 'store';
const NAME = 'weaviate';
const HEADLESS = `${NAME}-headless`;
const HTTP = 8080;
const GOSSIP = 7000;
const DATA = '/var/lib/weaviate';

/** The Service by which nodes are named, and the nodes; `env` are the values of that name. */
export function weaviateObjects(image, replicas, env) {
  const metadata = (name) => ({ name, namespace: NAMESPACE, labels: { app: NAME } });
  const nodes = Array.from({ length: replicas }, (_, at) => `${NAME}-${at}`);
  const environment = {
    AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED: true,
    CLUSTER_GOSSIP_BIND_PORT: GOSSIP,
    CLUSTER_DATA_BIND_PORT: GOSSIP + 1,
    CLUSTER_JOIN: nodes.map((node) => `${node}.${HEADLESS}:${GOSSIP}`).join(),
    DEFAULT_VECTORIZER_MODULE: 'none',
    GOMEMLIMIT: '512MiB',
    PERSISTENCE_DATA_PATH: DATA,
    RAFT_JOIN: nodes.join(),
    ...env,
  };
  const container = {
    name: NAME,
    image,
    imagePullPolicy: 'Never',
    args: ['--host', '0.0.0.0', '--port', String(HTTP), '--scheme', 'http'],
    env: [
      { name: 'CLUSTER_HOSTNAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
      ...Object.entries(environment).map(([name, value]) => ({ name, value: String(value) })),
    ],
    readinessProbe: {
      httpGet: { path: '/v1/.well-known/ready', port: HTTP },
      periodSeconds: 1,
      failureThreshold: 2,
    },
    volumeMounts: [{ name: 'data', mountPath: DATA }],
  };
  return [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: metadata(HEADLESS),
      spec: {
        clusterIP: 'None',
        selector: { app: NAME },
        ports: [{ name: 'http', port: HTTP }],
        // Nodes look for each other before they are ready.
        publishNotReadyAddresses: true,
      },
    },
    {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: metadata(NAME),
      spec: {
        replicas,
        serviceName: HEADLESS,
        podManagementPolicy: 'Parallel',
        selector: { matchLabels: { app: NAME } },
        template: {
          metadata: { labels: { app: NAME } },
          spec: { containers: [container], volumes: [{ name: 'data', emptyDir: {} }] },
        },
      },
    },
  ];
}
