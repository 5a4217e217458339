/** One tab at a time sends what is queued, and reads what has changed. */

import { Unavailable } from "./api.js";
import { failed, isWaiting } from "./connection.js";
import { exclusively } from "./insecure.js";
import { sendAll } from "./queue.js";
import { openSession } from "./replica.js";
import { LoginOver } from "./session.js";
import { readChanges } from "./sync.js";
import { tell } from "./tabs.js";

/** What is wanted from the next turn; null for nothing. @type {{ changes: boolean, now: boolean } | null} */
let wanted = null;
let isRunning = false;
let readAt = 0;

/** When changes were read last, by any tab, in ms of the clock. */
export const lastRead = () => readAt;

/** Another tab has read changes. */
export function readElsewhere() {
  readAt = Date.now();
}

/**
 * Sends what is queued and, with `changes`, reads what has changed. While the service cannot be
 * reached, it does so at `retry_at`, or `now`.
 * @param {{ changes?: boolean, now?: boolean }} [options]
 */
export async function exchange({ changes = false, now = false } = {}) {
  wanted = { changes: changes || Boolean(wanted?.changes), now: now || Boolean(wanted?.now) };
  if (isRunning) return;
  isRunning = true;
  try {
    while (wanted && openSession() && (wanted.now || !isWaiting())) {
      const asked = wanted;
      wanted = null;
      await exclusively("todo exchange", () => turn(asked.changes, asked.now));
    }
  } finally {
    isRunning = false;
  }
}

/** Tries now instead of at `retry_at`. */
export const retryNow = () => void exchange({ changes: true, now: true });

async function turn(/** @type {boolean} */ changes, /** @type {boolean} */ now) {
  const account = openSession()?.account.id;
  // Another tab may have tried, and failed, while this one waited for its turn.
  if (!account || (isWaiting() && !now)) return;
  try {
    const isStale = await sendAll(account);
    if (changes || isStale) {
      await readChanges(account);
      readAt = Date.now();
      tell({ kind: "read" });
    }
  } catch (error) {
    if (error instanceof Unavailable) failed(error);
    else if (!(error instanceof LoginOver)) throw error;
  }
}
