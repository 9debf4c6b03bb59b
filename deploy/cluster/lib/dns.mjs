/**
 * Names of services, as pods ask for them: `<service>.<namespace>.svc.cluster.local` is its address, and
 * `<pod>.<service>.<namespace>.svc.cluster.local` that of a pod of a StatefulSet behind it.
 *
 * As little of RFC 1035 as a resolver needs: one question, answered by an A record, by nothing, or by
 * "no such name".
 */

import { createSocket } from 'node:dgram';

const SUFFIX = '.svc.cluster.local';
const A = 1;
const NO_SUCH_NAME = 3;
const HEADER_BYTES = 12;
/** So long is answered from what the API server said: a resolver asks for each name many times, and waits little. */
const KNOWN_MS = 1000;

export async function startDns(plane, address) {
  const names = new Names(plane);
  const socket = createSocket('udp4');
  socket.on('message', async (query, { port, address: client }) => {
    const { name, type, end } = questionOf(query);
    const labels = name.endsWith(SUFFIX) ? name.slice(0, -SUFFIX.length).split('.') : [];
    const found = await names.addressOf(labels).catch(() => undefined);
    socket.send(answer(query.subarray(0, end), found, type), port, client);
  });
  await new Promise((resolve) => socket.bind(53, address, resolve));
  // The run ends without it being closed.
  socket.unref();
}

class Names {
  #known;
  #until = 0;

  constructor(plane) {
    this.plane = plane;
  }

  /** `labels`: those before the suffix. `undefined` where nothing has the name. */
  async addressOf(labels) {
    const [namespace, service, pod, ...rest] = labels.toReversed();
    if (service === undefined || rest.length > 0) return undefined;
    if (performance.now() > this.#until) {
      this.#until = performance.now() + KNOWN_MS;
      this.#known = this.plane.get('services,endpointslices', '--all-namespaces');
    }
    const { items } = await this.#known;
    const here = items.filter(({ metadata }) => metadata.namespace === namespace);
    if (pod === undefined) {
      return here.find(({ kind, metadata }) => kind === 'Service' && metadata.name === service)
        ?.spec.clusterIP;
    }
    const endpoints = here
      .filter(({ metadata }) => metadata.labels?.['kubernetes.io/service-name'] === service)
      .flatMap((slice) => slice.endpoints ?? []);
    return endpoints.find(({ hostname }) => hostname === pod)?.addresses[0];
  }
}

function questionOf(query) {
  const labels = [];
  let at = HEADER_BYTES;
  while (query[at] !== 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + query[at]));
    at += 1 + query[at];
  }
  return { name: labels.join('.').toLowerCase(), type: query.readUInt16BE(at + 1), end: at + 5 };
}

function answer(question, address, type) {
  const isAnswered = address !== undefined && type === A;
  const header = Buffer.from(question);
  // A response, recursion available, authoritative; then the code, and how many of each section.
  header.writeUInt16BE(0x8580 | (address === undefined ? NO_SUCH_NAME : 0), 2);
  header.writeUInt16BE(isAnswered ? 1 : 0, 6);
  header.writeUInt16BE(0, 8);
  header.writeUInt16BE(0, 10);
  if (!isAnswered) return header;
  const record = Buffer.alloc(16);
  record.writeUInt16BE(0xc000 | HEADER_BYTES, 0); // the question's name
  record.writeUInt16BE(A, 2);
  record.writeUInt16BE(1, 4); // the internet
  record.writeUInt32BE(1, 6); // seconds it may be kept
  record.writeUInt16BE(4, 10);
  Buffer.from(address.split('.').map(Number)).copy(record, 12);
  return Buffer.concat([header, record]);
}
