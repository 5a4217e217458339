/** Whether the service can be reached, and when it is tried again; known to all tabs. */

/** @import { Unavailable } from "./api.js" */
/** @import { Connection } from "./types.js" */

import { DEADLINE_MS } from "./api.js";
import { current, update } from "./state.js";
import { tell } from "./tabs.js";

const PATIENCE_MS = 5_000;
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 60_000;

let failures = 0;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;
let retry = () => {};

/** @param {() => void} callback is called when it is time to try again */
export function onRetry(callback) {
  retry = callback;
}

/** Whether it is too early to try again. */
export function isWaiting() {
  const { connection } = current();
  return connection.state === "waiting" && connection.retry_at > Date.now();
}

/**
 * Says that the service keeps someone waiting, if it does.
 * @template T
 * @param {Promise<T>} reply
 */
export async function watched(reply) {
  const slow = setTimeout(() => wait("unavailable", DEADLINE_MS - PATIENCE_MS), PATIENCE_MS);
  try {
    const replied = await reply;
    if (current().connection.state === "waiting") share({ state: "online" });
    return replied;
  } finally {
    clearTimeout(slow);
  }
}

export function failed(/** @type {Unavailable} */ { reason, problem }) {
  failures += 1;
  const longest = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (failures - 1));
  // Apart from each other, since all clients of a service notice its end at once.
  wait(reason, Math.max((problem.retry_after ?? 0) * 1000, longest / 2) + (longest / 2) * Math.random());
}

function wait(/** @type {Unavailable["reason"]} */ reason, /** @type {number} */ ms) {
  share({ state: "waiting", retry_at: Date.now() + ms, reason });
}

function share(/** @type {Connection} */ connection) {
  show(connection);
  tell({ kind: "connection", connection });
}

/** @param {Connection} connection of this tab, or of another one */
export function show(connection) {
  const { state } = current().connection;
  clearTimeout(timer);
  update({ connection });
  if (connection.state === "waiting") timer = setTimeout(retry, connection.retry_at + 10 - Date.now());
  else failures = 0;
  // Something may have been left for the end of the outage.
  if (state === "waiting" && connection.state === "online") retry();
}
