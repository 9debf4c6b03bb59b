/**
 * How long what may wait for Redis, in milliseconds, and how much at once. A request waits for none of this: it has a limit
 * of its own.
 */

/** A server that is gone without a word is noticed after this time. */
export const SILENCE_MS = 5000;
export const PING_MS = 1000;
export const CONNECT_MS = 2000;
export const RECONNECT_FIRST_MS = 50;
export const RECONNECT_LONGEST_MS = 1000;
/** For each of the nodes that a URL names to tell of its cluster: they are asked one after another. */
export const ROOT_MS = 1000;
/** For one step of what somebody waits for: a connection to a node, an answer. */
export const STEP_MS = 5000;
/** Commands that wait for the server to answer. */
export const MOST_COMMANDS = 10_000;
/** Keys that a scan is asked for at a time. */
export const SCANNED = 1000;
