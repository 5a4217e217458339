/** What the page remembers of the last minutes, for each database. */

/** @import { Database, Point, Snapshot } from "./types.js" */

export const MINUTES = 5;
/** However often the server sends. */
const MOST_POINTS = 1_000;

/** @type {Map<string, Point[]>} */
const kept = new Map();

/** @param {Snapshot} snapshot */
export function remember({ at, databases }) {
  const now = Date.parse(at);
  const names = new Set(databases.map(({ name }) => name));
  for (const name of kept.keys()) if (!names.has(name)) kept.delete(name);
  for (const database of databases) {
    const before = kept.get(database.name) ?? [];
    // A clock that was set back would draw over what is there.
    const points = now > (before.at(-1)?.at ?? 0) ? before : [];
    points.push(pointOf(now, database));
    while (points.length > MOST_POINTS || points[0].at < now - MINUTES * 60_000) points.shift();
    kept.set(database.name, points);
  }
}

/** The points of a database, the newest last. @param {string} name */
export const pointsOf = (name) => kept.get(name) ?? [];

/** @param {number} at @param {Database} database @returns {Point} */
function pointOf(at, { pool, wait, hold }) {
  const { active, idle, opening, waiting, limit, acquired } = pool;
  return { at, active, idle, opening, waiting, limit, acquired, wait, hold };
}

/** How often a connection was taken in a second, over the last ten of them. @param {Point[]} points */
export function rateOf(points) {
  const last = points.at(-1);
  const first = points.find(({ at }) => last && at >= last.at - 10_000);
  // A process that was started again counts from 0.
  if (!last || !first || first === last || last.acquired < first.acquired) return null;
  return (last.acquired - first.acquired) / ((last.at - first.at) / 1_000);
}
