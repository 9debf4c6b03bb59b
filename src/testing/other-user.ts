/**
 * What a user meets who may not do everything: root, which tests of images run as, may.
 */

/** The user that owns nothing, on every Linux and macOS. */
const NOBODY = 65_534;

/** Does `work` as a user whom permissions of files hold for; only one at a time. */
export async function asOrdinaryUser<T>(work: () => Promise<T>): Promise<T> {
  if (process.geteuid?.() !== 0) return work();
  process.seteuid?.(NOBODY);
  try {
    return await work();
  } finally {
    process.seteuid?.(0);
  }
}
