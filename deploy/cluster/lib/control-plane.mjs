/**
 * A Kubernetes control plane on loopback: etcd, API server, controllers, scheduler. Pods get nodes, and
 * need somebody who runs them: kwok's nodes (`fake-nodes.mjs`) or a real one (`real-node.mjs`).
 */

import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { run, tool, until } from './programs.mjs';

export const API_SERVER = 'https://127.0.0.1:6443';
const ETCD = 'http://127.0.0.1:2379';

export class ControlPlane {
  constructor(programs, folder) {
    this.programs = programs;
    this.folder = folder;
    this.pki = join(folder, 'pki');
    this.kubeconfig = join(folder, 'kubeconfig');
  }

  async start() {
    mkdirSync(this.pki, { recursive: true });
    const token = randomBytes(16).toString('hex');
    writeFileSync(join(this.pki, 'tokens.csv'), `${token},admin,admin,"system:masters"\n`);
    const { privateKey, publicKey } = generateKeyPairSync('rsa', {
      modulusLength: 2048,
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
      publicKeyEncoding: { type: 'spki', format: 'pem' },
    });
    writeFileSync(join(this.pki, 'accounts.key'), privateKey, { mode: 0o600 });
    writeFileSync(join(this.pki, 'accounts.pub'), publicKey);
    await this.#writeFrontProxyCertificates();
    this.#writeKubeconfig(token);

    this.#program('etcd', [
      `--data-dir=${join(this.folder, 'etcd')}`,
      '--unsafe-no-fsync',
      `--listen-client-urls=${ETCD}`,
      `--advertise-client-urls=${ETCD}`,
    ]);
    this.#program('kube-apiserver', [
      `--etcd-servers=${ETCD}`,
      '--secure-port=6443',
      '--bind-address=127.0.0.1',
      '--advertise-address=127.0.0.1',
      '--endpoint-reconciler-type=none',
      '--service-cluster-ip-range=10.96.0.0/16',
      // It signs its own serving certificate, with its authority appended, into this folder.
      `--cert-dir=${this.pki}`,
      `--token-auth-file=${join(this.pki, 'tokens.csv')}`,
      '--authorization-mode=RBAC',
      '--allow-privileged=true',
      '--kubelet-preferred-address-types=InternalIP',
      '--service-account-issuer=https://kubernetes.default.svc',
      `--service-account-key-file=${join(this.pki, 'accounts.pub')}`,
      `--service-account-signing-key-file=${join(this.pki, 'accounts.key')}`,
      `--requestheader-client-ca-file=${join(this.pki, 'front-ca.crt')}`,
      // Nobody signs in by certificate; metrics-server asks for the setting.
      `--client-ca-file=${join(this.pki, 'front-ca.crt')}`,
      '--requestheader-allowed-names=front-proxy',
      '--requestheader-username-headers=X-Remote-User',
      '--requestheader-group-headers=X-Remote-Group',
      '--requestheader-extra-headers-prefix=X-Remote-Extra-',
      `--proxy-client-cert-file=${join(this.pki, 'front.crt')}`,
      `--proxy-client-key-file=${join(this.pki, 'front.key')}`,
    ]);
    await this.until('the API server is ready', () => this.kubectl('get', '--raw', '/readyz'));
    this.#program('kube-controller-manager', [
      `--kubeconfig=${this.kubeconfig}`,
      '--leader-elect=false',
      '--bind-address=127.0.0.1',
      `--cert-dir=${this.pki}`,
      `--service-account-private-key-file=${join(this.pki, 'accounts.key')}`,
      // The defaults suit clusters that live for months.
      '--horizontal-pod-autoscaler-sync-period=2s',
      '--horizontal-pod-autoscaler-initial-readiness-delay=1s',
      '--horizontal-pod-autoscaler-cpu-initialization-period=1s',
    ]);
    this.#program('kube-scheduler', [
      `--kubeconfig=${this.kubeconfig}`,
      '--leader-elect=false',
      '--bind-address=127.0.0.1',
      `--cert-dir=${this.pki}`,
    ]);
    await this.until('controllers run', () =>
      this.kubectl('get', 'serviceaccount', 'default', '--namespace=default'),
    );
  }

  /** What kubectl writes to standard output. */
  async kubectl(...args) {
    return (await this.kubectlWith({}, ...args)).stdout;
  }

  kubectlWith(options, ...args) {
    const env = { ...process.env, KUBECONFIG: this.kubeconfig };
    return run(tool('controlplane'), ['kubectl', ...args], { env, ...options });
  }

  async get(...args) {
    return JSON.parse(await this.kubectl('get', ...args, '--output=json'));
  }

  apply(manifest) {
    const input = typeof manifest === 'string' ? manifest : JSON.stringify(manifest);
    return this.kubectlWith({ input }, 'apply', '--server-side', '--filename=-');
  }

  /** A namespace with its account, whose pods are what `security` says of each mode of Pod Security admission. */
  async createNamespace(name, security = { enforce: 'restricted' }) {
    const labels = Object.fromEntries(
      Object.entries(security).map(([mode, level]) => [
        `pod-security.kubernetes.io/${mode}`,
        level,
      ]),
    );
    await this.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } });
    await this.until('the namespace has its account', () =>
      this.kubectl('get', 'serviceaccount', 'default', '--namespace', name),
    );
  }

  /** Where a Service is reached from the node. */
  async urlOf(service, namespace) {
    const { spec } = await this.get('service', service, '--namespace', namespace);
    return `http://${spec.clusterIP}:${spec.ports[0].port}`;
  }

  async helm(...args) {
    const env = { ...process.env, KUBECONFIG: this.kubeconfig };
    return (await run(tool('helm'), args, { env, timeoutMs: 300_000 })).stdout;
  }

  until(what, condition, timeoutMs) {
    const checked = () => {
      this.programs.requireAll();
      return condition();
    };
    return until(what, checked, timeoutMs);
  }

  #program(name, args) {
    this.programs.start(name, tool('controlplane'), [name, ...args]);
  }

  /** How the API server proves itself to servers behind it, such as that of metrics. */
  async #writeFrontProxyCertificates() {
    const openssl = (...args) => run('openssl', args, { cwd: this.pki });
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
    await openssl(
      'req',
      '-x509',
      ...key,
      '-keyout',
      'front-ca.key',
      '-out',
      'front-ca.crt',
      '-subj',
      '/CN=front-ca',
    );
    await openssl(
      'req',
      ...key,
      '-keyout',
      'front.key',
      '-out',
      'front.csr',
      '-subj',
      '/CN=front-proxy',
    );
    const ca = ['-CA', 'front-ca.crt', '-CAkey', 'front-ca.key', '-CAcreateserial'];
    await openssl('x509', '-req', '-in', 'front.csr', ...ca, '-out', 'front.crt');
  }

  #writeKubeconfig(token) {
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'test',
      clusters: [
        {
          name: 'test',
          cluster: { server: API_SERVER, 'certificate-authority': join(this.pki, 'apiserver.crt') },
        },
      ],
      users: [{ name: 'admin', user: { token } }],
      contexts: [{ name: 'test', context: { cluster: 'test', user: 'admin' } }],
    };
    writeFileSync(this.kubeconfig, JSON.stringify(config), { mode: 0o600 });
  }
}
