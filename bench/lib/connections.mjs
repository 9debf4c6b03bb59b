// Connections to one service: as many as there are requests without an answer, each used again. Knows of HTTP what the
// service's answers need: a status and a length.

import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** What is not answered by then is lost. */
const LOST_MS = 40_000;

/** The client went away. */
const GONE = 0;
/** The connection broke, or no answer ever came. */
const BROKEN = -1;

export class Connections {
  #idle = [];
  /** Requests without an answer. */
  open = 0;

  /** Of those that wait for a request more than `mostIdle` are closed; a pool of any client has such a bound. */
  constructor({ hostname, port, host, pathname }, patienceMs, mostIdle = Infinity) {
    this.address = { host: hostname, port: Number(port), noDelay: true };
    this.head = `POST ${pathname} HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/json\r\ncontent-length: `;
    this.patienceMs = patienceMs;
    this.mostIdle = mostIdle;
  }

  /** The bytes of a request with `body`, which is JSON. */
  requestOf(body) {
    return Buffer.from(`${this.head}${Buffer.byteLength(body)}\r\n\r\n${body}`);
  }

  /**
   * Sends a request on the connection that was used last; resolves with `{status, body}` of its answer: status 0 where
   * the client went away, -1 where the connection broke or no answer came.
   */
  send(request) {
    const connection = this.#idle.pop() ?? new Connection(this.address, (closed) => this.#forget(closed));
    const { patienceMs } = this;
    this.open += 1;
    return new Promise((resolve) => {
      const timer = setTimeout(
        () => connection.end(patienceMs > 0 ? GONE : BROKEN),
        patienceMs > 0 ? patienceMs : LOST_MS,
      );
      connection.ask(request, (answer, isReusable) => {
        clearTimeout(timer);
        this.open -= 1;
        if (isReusable) this.#keep(connection);
        resolve(answer);
      });
    });
  }

  /** Resolves when every request has ended. */
  async idle() {
    while (this.open > 0) await sleep(20);
  }

  #keep(connection) {
    if (this.#idle.length < this.mostIdle) this.#idle.push(connection);
    else connection.end(BROKEN);
  }

  #forget(connection) {
    this.#idle = this.#idle.filter((idle) => idle !== connection);
  }
}

class Connection {
  #answered;
  #received = '';

  constructor(address, closed) {
    this.socket = net.connect(address);
    this.socket.on('data', (bytes) => this.#read(bytes));
    this.socket.on('error', () => this.end(BROKEN));
    this.socket.on('close', () => {
      this.end(BROKEN);
      closed(this);
    });
  }

  ask(request, answered) {
    this.#answered = answered;
    this.socket.write(request);
  }

  /** Ends the connection, and the request on it with `status`. */
  end(status) {
    this.socket.destroy();
    this.#settle({ status, body: '' }, false);
  }

  #read(bytes) {
    this.#received += bytes.toString('latin1');
    const body = this.#received.indexOf('\r\n\r\n') + 4;
    if (body < 4) return;
    const head = this.#received.slice(0, body).toLowerCase();
    const [, length] = /\r\ncontent-length: (\d+)/.exec(head) ?? [];
    if (length === undefined) this.end(BROKEN);
    else if (this.#received.length >= body + Number(length)) {
      const answer = { status: Number(head.slice(9, 12)), body: this.#received.slice(body) };
      this.#received = '';
      this.#settle(answer, !head.includes('\r\nconnection: close'));
    }
  }

  #settle(answer, isReusable) {
    const answered = this.#answered;
    this.#answered = undefined;
    answered?.(answer, isReusable);
  }
}
