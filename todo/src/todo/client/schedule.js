/** When changes are read: often while someone looks, at once when they come back, else hardly ever. */

import { onRetry } from "./connection.js";
import { exchange, lastRead } from "./exchange.js";
import { reload } from "./replica.js";

const LOOK_MS = 5_000;
const IN_USE_MS = 15_000;
/** A page that nobody uses lets the service's database sleep. */
const AT_REST_MS = 30 * 60_000;
const AT_REST_AFTER_MS = 5 * 60_000;

let usedAt = Date.now();

export function startSchedule() {
  onRetry(() => void exchange({ changes: true }));
  setInterval(look, LOOK_MS);
  for (const event of ["online", "offline", "focus"]) addEventListener(event, comeBack);
  for (const event of ["pointerdown", "keydown"]) addEventListener(event, use, { passive: true, capture: true });
  document.addEventListener("visibilitychange", () => document.hidden || comeBack());
  // A page that was put away has missed what other tabs told it.
  addEventListener("pageshow", (event) => event.persisted && void reload());
}

function look() {
  if (Date.now() - lastRead() >= (isAtRest() ? AT_REST_MS : IN_USE_MS)) void exchange({ changes: true });
}

const isAtRest = () => document.hidden || Date.now() - usedAt > AT_REST_AFTER_MS;

function comeBack() {
  usedAt = Date.now();
  void exchange({ changes: true, now: true });
}

function use() {
  if (isAtRest()) comeBack();
  usedAt = Date.now();
}
