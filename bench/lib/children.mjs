// Child processes that must not outlive this one: an interrupted measurement leaves no server behind.

import { spawn } from 'node:child_process';

const running = new Set();

/** `child_process.spawn`, ended with this process. */
export function spawnOwned(file, args, options) {
  const child = spawn(file, args, options);
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
}

process.once('exit', () => {
  // Not SIGTERM: k6 and servers would first wait for each other's requests.
  for (const child of running) child.kill('SIGKILL');
});
for (const [signal, status] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
]) {
  // Without a listener a signal ends Node before it can end its children.
  process.once(signal, () => process.exit(status));
}
