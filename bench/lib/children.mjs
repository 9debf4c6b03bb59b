// Child processes that must not outlive this one: an interrupted measurement leaves no server behind.

import { spawn } from 'node:child_process';

const running = new Set();

/**
 * `child_process.spawn`, ended with this process. With `detached` it leads a process group, and what it
 * started and left behind ends with it.
 */
export function spawnOwned(file, args, options) {
  const child = spawn(file, args, options);
  const end = () => kill(options.detached ? -child.pid : child.pid);
  running.add(end);
  child.once('exit', () => {
    if (options.detached) end();
    running.delete(end);
  });
  return child;
}

/** Not SIGTERM: k6 and servers would first wait for each other's requests. */
function kill(pid) {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Gone already.
  }
}

process.once('exit', () => {
  for (const end of running) end();
});
for (const [signal, status] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
]) {
  // Without a listener a signal ends Node before it can end its children.
  process.once(signal, () => process.exit(status));
}
