/** What needs attention, in sentences that stay the same while it lasts. */

/** @import { Database, Snapshot } from "./types.js" */

import { count, duration } from "./format.js";

/** What comes and goes is left there so long: otherwise the page would flicker. */
const LINGER_MS = 4_000;

/** @type {Map<string, number>} When each was last true, by its sentence. */
const seen = new Map();

/** @param {Snapshot} snapshot @param {Database} database @returns {string[]} */
export function noticesOf(snapshot, database) {
  const now = Date.now();
  for (const text of found(snapshot, database)) seen.set(text, now);
  for (const [text, at] of seen) if (now - at > LINGER_MS) seen.delete(text);
  return [...seen.keys()];
}

/** Those of another database are none of this one. */
export const forgetNotices = () => seen.clear();

/** @param {Snapshot} snapshot @param {Database} database @returns {string[]} */
function found({ processes }, { pool, holders, readiness, migrations, unknown_outcomes: unknown }) {
  const leaks = holders.filter(({ seconds }) => pool.leak_after != null && seconds >= pool.leak_after);
  return [
    processes.answered < processes.expected &&
      `Only ${processes.answered} of ${processes.expected} processes responded: these are not all connections.`,
    !readiness.is_ready && `Not ready: ${readiness.detail ?? readiness.state}`,
    saturation(pool, processes.answered),
    ...leaks.map(({ what, line }) =>
      `${what ?? "Code outside a request"} holds a connection for more than ${duration(pool.leak_after)}${line ? `: ${line}` : ""}.`),
    migrations && !migrations.is_current &&
      `Migrations are missing: the database is at ${revisions(migrations.current)}, the code needs ${revisions(migrations.head)}.`,
    unknown > 0 && `COMMITs without a response: ${count(unknown)}. Whether they happened is unknown.`,
  ].filter((text) => typeof text === "string");
}

/** @param {Database["pool"]} pool @param {number} processes */
function saturation({ active, opening, waiting, limit }, processes) {
  if (limit === null || waiting === 0) return null;
  if (active >= limit) return `Saturated: all ${count(limit)} connections are in use, and callers wait.`;
  // Each has a pool of its own, and none may use the connections of another one.
  return processes > 1 && opening === 0 && "Saturated: one process uses all of its connections, and its callers wait.";
}

/** @param {string[]} names */
export const revisions = (names) => names.join(", ") || "nothing";
