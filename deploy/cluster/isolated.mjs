/**
 * Runs a module in network, process and mount namespaces of its own, and cleans up after it.
 *
 * Nothing it starts outlives it or reaches the machine's network, and its ports are free by definition.
 */

import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { until } from './lib/programs.mjs';

/** Resolves with the exit code. The module finds its folder in CLUSTER_FOLDER. */
export async function isolated(module, args = []) {
  const folder = mkdtempSync(join(tmpdir(), 'chorus-cluster-'));
  const namespaces = ['--net', '--mount', '--pid', '--fork', '--mount-proc', '--kill-child'];
  if (process.getuid() !== 0) namespaces.unshift('--map-root-user');
  // bash is the first process there: it reaps what others leave behind.
  const init = ['bash', '-c', 'ip link set lo up && "$@"; exit $?', 'init'];
  const command = [...namespaces, ...init, process.execPath, module, ...args];
  const child = spawn('unshare', command, {
    stdio: 'inherit',
    // What Go was not asked for before it is not to wait for here.
    env: { ...process.env, CLUSTER_FOLDER: folder, GOPROXY: 'off' },
  });
  // With unshare the first process there ends, and with it all others.
  const end = () => child.kill('SIGKILL');
  const signals = ['SIGHUP', 'SIGINT', 'SIGTERM'];
  for (const signal of signals) process.once(signal, end);
  try {
    return await new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('exit', (code) => resolve(code ?? 1));
    });
  } finally {
    for (const signal of signals) process.off(signal, end);
    // What was killed a moment ago may still hold them.
    await until('everything is removed', () => {
      rmSync(folder, { recursive: true, force: true });
      removeGroups('/sys/fs/cgroup', cgroupOf(folder));
    });
  }
}

/** The control group of everything that a real node runs, unlike any other cluster's. */
export function cgroupOf(folder) {
  return folder.split('/').at(-1);
}

/** Removes the empty control groups `name` that a real node left in every hierarchy below `root`. */
function removeGroups(root, name) {
  const remove = (group) => {
    for (const entry of readdirSync(group, { withFileTypes: true })) {
      if (entry.isDirectory()) remove(join(group, entry.name));
    }
    rmdirSync(group);
  };
  for (const hierarchy of ['', ...directories(root)]) {
    if (directories(join(root, hierarchy)).includes(name)) remove(join(root, hierarchy, name));
  }
}

function directories(folder) {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
}
