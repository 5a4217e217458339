/** One tab at a time sends what is queued, and reads what has changed. */

import { Unavailable } from "./api.js";
import { failed, isWaiting, reached } from "./connection.js";
import { exclusively } from "./insecure.js";
import { sendAll } from "./queue.js";
import { openSession } from "./replica.js";
import { LoginOver } from "./session.js";
import { readChanges } from "./sync.js";
import { tell } from "./tabs.js";

/** What is wanted from the next turn; null for nothing. @type {{ changes: boolean, now: boolean } | null} */
let wanted = null;
/** @type {Promise<void> | null} */
let turns = null;
let read_at = 0;

/** When changes were read last, by any tab, in ms of the clock. */
export function lastRead() {
  return read_at;
}

/** Another tab has read changes. */
export function readElsewhere() {
  read_at = Date.now();
}

/**
 * Sends what is queued and, with `changes`, reads what has changed. While the service cannot be
 * reached, it does so at `retry_at`, or `now`.
 * @param {{ changes?: boolean, now?: boolean }} [options]
 * @returns {Promise<void>}
 */
export function exchange({ changes = false, now = false } = {}) {
  wanted = { changes: changes || Boolean(wanted?.changes), now: now || Boolean(wanted?.now) };
  turns ??= takeTurns().finally(() => (turns = null));
  return turns;
}

/** Tries now instead of at `retry_at`. */
export function retryNow() {
  void exchange({ changes: true, now: true });
}

async function takeTurns() {
  while (wanted && openSession()) {
    if (isWaiting() && !wanted.now) return;
    const { changes, now } = wanted;
    wanted = null;
    await exclusively("todo exchange", () => turn(changes, now));
  }
}

async function turn(/** @type {boolean} */ changes, /** @type {boolean} */ now) {
  const account = openSession()?.account.id;
  // Another tab may have tried, and failed, while this one waited for its turn.
  if (!account || (isWaiting() && !now)) return;
  try {
    const is_stale = await sendAll(account);
    if (changes || is_stale) {
      await readChanges(account);
      read_at = Date.now();
      tell({ kind: "read" });
    }
    reached();
  } catch (error) {
    if (error instanceof Unavailable) failed(error);
    else if (!(error instanceof LoginOver)) throw error;
  }
}
