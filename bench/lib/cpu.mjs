// The kernel's own account of the CPU time of a process, thread by thread.

import { readdirSync, readFileSync } from 'node:fs';

/** CPU time in microseconds by group: the JS thread, tokenizers, lanes with their helpers, and what Node adds. */
export function cpuTimes(pid) {
  const groups = new Map();
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const folder = `/proc/${pid}/task/${thread}`;
    const group = groupOf(Number(thread) === pid, readFileSync(`${folder}/comm`, 'utf8').trim());
    const [nanoseconds] = readFileSync(`${folder}/schedstat`, 'utf8').split(' ');
    groups.set(group, (groups.get(group) ?? 0) + Number(nanoseconds) / 1000);
  }
  return groups;
}

function groupOf(isMain, name) {
  if (isMain) return 'JS thread';
  if (name.startsWith('tokenizer')) return 'tokenizer threads';
  if (name.startsWith('lane') || name.startsWith('helper')) return 'lanes';
  return "Node's other threads";
}
