// Ends with exit code 0 once HOST:PORT accepts a TCP connection, 1 after TIMEOUT_SECONDS.
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const { HOST, PORT, TIMEOUT_SECONDS } = process.env;
const deadline = Date.now() + TIMEOUT_SECONDS * 1000;

const attempt = () =>
  new Promise((resolve, reject) => {
    const socket = connect({ host: HOST, port: Number(PORT), timeout: 2000 });
    socket.once('connect', () => resolve(socket.destroy()));
    socket.once('timeout', () => socket.destroy(new Error('no answer within 2 s')));
    socket.once('error', reject);
  });

for (;;) {
  try {
    await attempt();
    console.log(`${HOST}:${PORT} accepts connections`);
    break;
  } catch (error) {
    if (Date.now() >= deadline) {
      console.error(`${HOST}:${PORT} is not there after ${TIMEOUT_SECONDS} s: ${error.message}`);
      process.exit(1);
    }
    await sleep(1000);
  }
}
