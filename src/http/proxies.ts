/**
 * Proxies in front that are believed when they say for whom they ask.
 *
 * Read are `x-forwarded-for` and `x-forwarded-proto`, from these alone. Not read is `forwarded` (RFC 7239): most proxies
 * write the one kind and hand on the other as a client has sent it. Nor is `x-forwarded-host`, since nothing here depends
 * on the name that a client has used.
 */

import { BlockList, isIP } from 'node:net';

import { plain, type Connection } from './connection.js';

/** What of a connection is asked. */
type Peer = Pick<Connection, 'address' | 'isOfProxy'>;

export class TrustedProxies {
  readonly #ranges = new BlockList();

  /** Of `ranges` each is an address, or one with the length of a prefix: `10.0.0.0/8`. */
  constructor(ranges: readonly string[]) {
    for (const range of ranges) {
      const [address = '', length] = range.split('/');
      const family = familyOf(address);
      if (length === undefined) this.#ranges.addAddress(address, family);
      else this.#ranges.addSubnet(address, Number(length), family);
    }
  }

  /** Whether `connection` is one of theirs; looked up once. */
  owns(connection: Peer): boolean {
    return (connection.isOfProxy ??= this.#has(connection.address));
  }

  /**
   * The address of who asked first: of those that `x-forwarded-for` lists, from the last one on, the first that is no
   * proxy of ours. What stands before it anybody may have written.
   */
  clientOf(connection: Peer, forwardedFor: string): string {
    let client = connection.address;
    if (!this.owns(connection)) return client;
    for (const written of forwardedFor.split(',').reverse()) {
      const address = addressIn(written);
      if (address === undefined) break;
      client = address;
      if (!this.#has(address)) break;
    }
    return client;
  }

  #has(address: string): boolean {
    return isIP(address) !== 0 && this.#ranges.check(address, familyOf(address));
  }
}

/** With a port or without: `192.0.2.1:80`, `[2001:db8::1]:80`. */
function addressIn(written: string): string | undefined {
  const entry = written.trim();
  const [, six, four] = /^(?:\[([^\]]+)\]|([\d.]+))(?::\d+)?$/.exec(entry) ?? [];
  const address = plain(six ?? four ?? entry);
  return isIP(address) === 0 ? undefined : address;
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4';
}
