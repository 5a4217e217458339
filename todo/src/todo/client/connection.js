/** Whether the service can be reached, and when it is tried again; known to all tabs. */

/** @import { Connection } from "./types.js" */
/** @import { Unavailable } from "./api.js" */

import { current, update } from "./state.js";
import { tell } from "./tabs.js";

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

export function reached() {
  failures = 0;
  if (current().connection.state === "online") return;
  show({ state: "online" });
  tell({ kind: "connection", connection: { state: "online" } });
}

export function failed(/** @type {Unavailable} */ { reason, problem }) {
  failures += 1;
  const longest = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (failures - 1));
  // Apart from each other, since all clients of a service notice its end at once.
  const wait = Math.max((problem.retry_after ?? 0) * 1000, longest / 2) + (longest / 2) * Math.random();
  const now = Date.now();
  const { connection } = current();
  const since = connection.state === "waiting" ? connection.since : now;
  /** @type {Connection} */
  const waiting = { state: "waiting", since, retry_at: now + wait, reason };
  show(waiting);
  tell({ kind: "connection", connection: waiting });
}

/** @param {Connection} connection of this tab, or of another one */
export function show(connection) {
  clearTimeout(timer);
  update({ connection });
  if (connection.state === "waiting") timer = setTimeout(() => retry(), connection.retry_at + 10 - Date.now());
  else failures = 0;
}
