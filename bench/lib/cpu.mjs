// The kernel's own account of the CPU time of a process, thread by thread.

import { readdirSync, readFileSync } from 'node:fs';

/** CPU time in microseconds by group: the JS thread, tokenizers, lanes with their helpers, and what Node adds. */
export function cpuTimes(pid) {
  const groups = new Map();
  for (const { thread, group } of threadsOf(pid)) {
    const [nanoseconds] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ');
    groups.set(group, (groups.get(group) ?? 0) + Number(nanoseconds) / 1000);
  }
  return groups;
}

/** The numbers of the threads of a process that compute models. */
export function lanesOf(pid) {
  return threadsOf(pid)
    .filter(({ group }) => group === LANES)
    .map(({ thread }) => thread);
}

function threadsOf(pid) {
  return readdirSync(`/proc/${pid}/task`).map((name) => {
    const thread = Number(name);
    const comm = readFileSync(`/proc/${pid}/task/${thread}/comm`, 'utf8').trim();
    return { thread, group: groupOf(thread === pid, comm) };
  });
}

const LANES = 'lanes';

function groupOf(isMain, name) {
  if (isMain) return 'JS thread';
  if (name.startsWith('tokenizer')) return 'tokenizer threads';
  if (name.startsWith('lane') || name.startsWith('helper')) return LANES;
  return "Node's other threads";
}
