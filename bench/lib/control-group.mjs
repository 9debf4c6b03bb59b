// A control group for one process, below that of this one: as a container has one. Needs root, or a delegated tree.

import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const ROOT = '/sys/fs/cgroup';

/** How the two versions call the same; v1 has no swap limit of its own where swap is not counted. */
const VERSIONS = [
  {
    tree: join(ROOT, 'memory'),
    line: /^\d+:(?:.*,)?memory(?:,.*)?:(.*)$/m,
    limit: 'memory.limit_in_bytes',
    most: 'memory.max_usage_in_bytes',
    killed: { file: 'memory.oom_control', pattern: /^oom_kill (\d+)/m },
  },
  {
    tree: ROOT,
    line: /^0::(.*)$/m,
    limit: 'memory.max',
    most: 'memory.peak',
    killed: { file: 'memory.events', pattern: /^oom_kill (\d+)/m },
  },
];

/** A group that may take `bytes` of memory. */
export function memoryGroup(bytes) {
  const memberships = readFileSync('/proc/self/cgroup', 'utf8');
  const version = VERSIONS.find(({ tree }) => existsSync(tree));
  const folder = join(version.tree, version.line.exec(memberships)[1], `chorus-${process.pid}`);
  mkdirSync(folder);
  writeFileSync(join(folder, version.limit), String(bytes));
  const read = (file) => readFileSync(join(folder, file), 'utf8');
  return {
    /** `command` as it runs in the group from its first instruction. */
    wrap: (command) => ['sh', '-c', `echo $$ > "${folder}/cgroup.procs" && exec "$@"`, 'sh', ...command],
    /** The most it has had in bytes, pages of files included, and how many processes the kernel ended for it. */
    figures: () => ({
      most: Number(read(version.most)),
      killed: Number(version.killed.pattern.exec(read(version.killed.file))?.[1] ?? 0),
    }),
    /** To be called once its processes have ended. */
    remove: async () => {
      for (let attempt = 0; existsSync(folder) && attempt < 50; attempt += 1) {
        try {
          rmdirSync(folder);
        } catch {
          await sleep(100);
        }
      }
    },
  };
}
