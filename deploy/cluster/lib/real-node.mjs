/**
 * A real node: kubelet, containerd with runc, pod networks by CNI, services by kube-proxy, names by a
 * small server of our own. Pods run here for real, with probes, signals, limits and users.
 *
 * Needs root, and the programs that `requirements` lists. Runs inside `isolated.mjs`: the network is a
 * pair of links that leads nowhere else.
 */

import { accessSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { stringify } from 'yaml';

import { cgroupOf } from '../isolated.mjs';
import { startDns } from './dns.mjs';
import { imageArchive } from './image-archive.mjs';
import { run, tool } from './programs.mjs';

export const NODE_ADDRESS = '192.0.2.10';
const PODS = '10.244.0.0/24';
const CNI_PLUGINS = process.env.CNI_PLUGINS ?? '/usr/lib/cni';
const PAUSE = 'chorus.test/pause:1';

/** What is missing on this machine, a line each. */
export function requirements() {
  const onPath = (name) =>
    process.env.PATH.split(':').some((folder) => existsSync(join(folder, name)));
  return [
    [process.getuid() === 0, 'a real node needs root'],
    ...['runc', 'iptables', 'ip', 'mount'].map((name) => [
      onPath(name),
      `${name} is missing (Debian: runc, iptables, iproute2, mount)`,
    ]),
    ...['nginx', 'redis-server', 'redis-cli'].map((name) => [
      onPath(name),
      `${name} is missing (Debian: nginx, redis-server, redis-tools)`,
    ]),
    ...['ptp', 'host-local', 'loopback'].map((name) => [
      existsSync(join(CNI_PLUGINS, name)),
      `the CNI plugin ${name} is not in ${CNI_PLUGINS} (Debian: containernetworking-plugins; or set CNI_PLUGINS)`,
    ]),
  ].flatMap(([met, message]) => (met ? [] : [message]));
}

export class RealNode {
  constructor(plane) {
    this.plane = plane;
    this.folder = join(plane.folder, 'node');
    this.socket = join(this.folder, 'containerd.sock');
  }

  async start() {
    mkdirSync(this.folder, { recursive: true });
    await this.#network();
    await this.#containerd();
    await this.importImage(await this.#pauseImage());
    await startDns(this.plane, NODE_ADDRESS);
    await this.#kubelet();
    await this.#kubeProxy();
    await this.plane.until('the node is ready', () =>
      this.plane.kubectl('wait', '--for=condition=Ready', 'nodes', '--all', '--timeout=1s'),
    );
  }

  /** Resolves with the names of the images that an archive of `docker save` brought. */
  async importImage(archive) {
    const before = await this.#imageNames();
    await run(tool('ctr'), this.#ctr('images', 'import', archive), { timeoutMs: 300_000 });
    return (await this.#imageNames()).filter((name) => !before.includes(name));
  }

  async #imageNames() {
    const { stdout } = await run(tool('ctr'), this.#ctr('images', 'list', '--quiet'));
    return stdout.split('\n').filter((line) => /:[^/]+$/.test(line) && !line.startsWith('sha256:'));
  }

  async tag(name, other) {
    await run(tool('ctr'), this.#ctr('images', 'tag', '--force', name, other));
  }

  /** Ends what runs in a container, as it is named in its pod's status, with SIGKILL. */
  async kill(containerId) {
    const id = containerId.replace('containerd://', '');
    await run(tool('ctr'), this.#ctr('tasks', 'kill', '--signal', 'SIGKILL', id));
  }

  #ctr(...args) {
    return ['--address', this.socket, '--namespace', 'k8s.io', ...args];
  }

  /** A link that leads nowhere, so that there is an address and a default route. */
  async #network() {
    await run('mount', ['--make-rshared', '/']);
    for (const line of [
      'link add node type veth peer name nowhere',
      `address add ${NODE_ADDRESS}/24 dev node`,
      'link set node up',
      'link set nowhere up',
      'route add default dev node',
    ]) {
      await run('ip', line.split(' '));
    }
    writeFileSync('/proc/sys/net/ipv4/ip_forward', '1');
  }

  async #containerd() {
    const cni = join(this.folder, 'cni');
    mkdirSync(cni);
    // Each pod has a link of its own to the node, so that services work without bridge filters.
    const network = {
      cniVersion: '1.0.0',
      name: 'pods',
      plugins: [
        {
          type: 'ptp',
          ipam: {
            type: 'host-local',
            dataDir: join(this.folder, 'addresses'),
            ranges: [[{ subnet: PODS }]],
            routes: [{ dst: '0.0.0.0/0' }],
          },
        },
      ],
    };
    writeFileSync(join(cni, 'pods.conflist'), JSON.stringify(network));
    const config = join(this.folder, 'containerd.toml');
    writeFileSync(
      config,
      `version = 3
root = "${this.folder}/containerd"
state = "${this.folder}/containerd-state"
disabled_plugins = ["io.containerd.nri.v1.nri"]

[grpc]
address = "${this.socket}"

[ttrpc]
address = "${this.socket}.ttrpc"

[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "${PAUSE}"

[plugins."io.containerd.cri.v1.runtime"]
# Where root may not raise its own standing with the killer of processes.
restrict_oom_score_adj = true

[plugins."io.containerd.cri.v1.runtime".cni]
bin_dirs = ["${CNI_PLUGINS}"]
conf_dir = "${cni}"
`,
    );
    const env = { ...process.env, PATH: `${join(tool('ctr'), '..')}:${process.env.PATH}` };
    this.plane.programs.start('containerd', tool('containerd'), ['--config', config], { env });
    await this.plane.until('containerd answers', () => run(tool('ctr'), this.#ctr('version')));
  }

  /** An archive of the one image that Kubernetes itself needs: a program that waits. */
  #pauseImage() {
    const files = [[tool('pause'), '/pause']];
    return imageArchive(join(this.folder, 'pause'), PAUSE, { files, entrypoint: ['/pause'] });
  }

  async #kubelet() {
    const file = join(this.folder, 'kubelet.yaml');
    const resolv = join(this.folder, 'resolv.conf');
    writeFileSync(resolv, `nameserver ${NODE_ADDRESS}\n`);
    const config = {
      apiVersion: 'kubelet.config.k8s.io/v1beta1',
      kind: 'KubeletConfiguration',
      address: NODE_ADDRESS,
      // Nobody else is in this network.
      authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
      authorization: { mode: 'AlwaysAllow' },
      containerRuntimeEndpoint: `unix://${this.socket}`,
      cgroupDriver: 'cgroupfs',
      cgroupRoot: await this.#cgroup(),
      // Older machines are fine for a test.
      failCgroupV1: false,
      failSwapOn: false,
      clusterDNS: [NODE_ADDRESS],
      clusterDomain: 'cluster.local',
      resolvConf: resolv,
      podLogsDir: join(this.folder, 'logs'),
      volumePluginDir: join(this.folder, 'volume-plugins'),
      evictionHard: { 'memory.available': '100Mi' },
      imageGCHighThresholdPercent: 100,
      localStorageCapacityIsolation: false,
    };
    writeFileSync(file, stringify(config));
    this.plane.programs.start('kubelet', tool('node'), [
      'kubelet',
      `--config=${file}`,
      `--kubeconfig=${this.plane.kubeconfig}`,
      `--root-dir=${join(this.folder, 'kubelet')}`,
      `--cert-dir=${join(this.folder, 'certificates')}`,
      '--hostname-override=real-0',
      `--node-ip=${NODE_ADDRESS}`,
    ]);
  }

  /** A control group of this cluster's own in every hierarchy; `isolated.mjs` removes it. */
  async #cgroup() {
    const name = cgroupOf(this.plane.folder);
    const { stdout } = await run('findmnt', [
      '--noheadings',
      '--output=TARGET',
      '--types=cgroup,cgroup2',
    ]);
    for (const hierarchy of stdout.trim().split(/\s+/)) {
      const group = join(hierarchy, name);
      mkdirSync(group, { recursive: true });
      accessSync(group);
    }
    return `/${name}`;
  }

  async #kubeProxy() {
    const file = join(this.folder, 'kube-proxy.yaml');
    const config = {
      apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
      kind: 'KubeProxyConfiguration',
      mode: 'iptables',
      clientConnection: { kubeconfig: this.plane.kubeconfig },
      clusterCIDR: PODS,
      hostnameOverride: 'real-0',
      // The machine's own limits are not for this to change.
      conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
    };
    writeFileSync(file, stringify(config));
    this.plane.programs.start('kube-proxy', tool('node'), ['kube-proxy', `--config=${file}`]);
  }
}
