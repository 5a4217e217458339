/** Draws the figures of one database: the numbers, the plots, and the tables. */

/** @import { Database, Point, Series, Snapshot, Statement } from "./types.js" */

import { clock, count, duration } from "./format.js";
import { pointsOf, rateOf } from "./history.js";
import { forgetNotices, noticesOf, revisions } from "./notices.js";
import { plot } from "./plot.js";
import { drawRows, fill, find, write } from "./rows.js";
import { counts, durations } from "./scales.js";
import { showStatement } from "./statement.js";

/** A start that moves by less is the same one. */
const SAME_START_MS = 2_000;

/** @type {Series[]} */
const USES = [
  { name: "active", of: ({ active }) => active },
  { name: "opening", of: ({ opening }) => opening },
  { name: "idle", of: ({ idle }) => idle },
  { name: "waiting", of: ({ waiting }) => waiting },
];
/** @type {Series} */
const LIMIT = { name: "limit", of: ({ limit }) => limit };
/** @type {Series[]} */
const WAITS = [
  { name: "p99", of: ({ wait }) => wait.p99 },
  { name: "p50", of: ({ wait }) => wait.p50 },
];
/** @type {Series[]} */
const HOLDS = [
  { name: "p99", of: ({ hold }) => hold.p99 },
  { name: "p50", of: ({ hold }) => hold.p50 },
];

const drawConnections = plot(svg("connections-plot"), {
  areas: USES,
  lines: [LIMIT],
  scale: (points) => counts(points, USES),
  onPoint: (point) => showPoint("uses", point),
});
const drawWaits = plot(svg("wait-plot"), {
  lines: WAITS,
  scale: (points) => durations(points, WAITS),
  onPoint: (point) => showPoint("wait", point),
});
const drawHolds = plot(svg("hold-plot"), {
  lines: HOLDS,
  scale: (points) => durations(points, HOLDS),
  onPoint: (point) => showPoint("hold", point),
});

/** @type {Point[]} */
let points = [];
let drawn = "";

/** @param {Snapshot} snapshot @param {Database} database the one that is shown */
export function drawFigures(snapshot, database) {
  if (database.name !== drawn) forgetNotices();
  drawn = database.name;
  points = pointsOf(database.name);
  drawConnections(points);
  drawWaits(points);
  drawHolds(points);
  fill(document, textsOf(database));
  find("ready").dataset.mood = database.readiness.is_ready ? "good" : "bad";
  find("migrated").dataset.mood = database.migrations?.is_current === false ? "bad" : "good";
  drawNotices(noticesOf(snapshot, database));
  drawHolders(snapshot, database);
  drawStatements(snapshot, database);
  drawErrors(database);
  drawTables();
}

/** The tables that say what the plots show; one that is closed is not drawn. */
export function drawTables() {
  const newest = points.toReversed();
  if (/** @type {HTMLDetailsElement} */ (find("connections-table")).open) {
    drawRows("connections-rows", newest, ({ at }) => String(at), (row, point) => fill(row, pointTexts(point)));
  }
  if (/** @type {HTMLDetailsElement} */ (find("times-table")).open) {
    drawRows("times-rows", newest, ({ at }) => String(at), (row, point) => fill(row, pointTexts(point)));
  }
}

/** @param {Point} point */
const pointTexts = ({ at, active, idle, opening, waiting, limit, wait, hold }) => ({
  at: clock(at),
  active: count(active),
  idle: count(idle),
  opening: count(opening),
  waiting: count(waiting),
  limit: limit === null ? "none" : count(limit),
  wait_p50: duration(wait.p50),
  wait_p99: duration(wait.p99),
  hold_p50: duration(hold.p50),
  hold_p99: duration(hold.p99),
});

/**
 * The numbers above a plot: those of now, or of where the pointer is.
 * @param {string} name
 * @param {Point | null} pointed
 */
function showPoint(name, pointed) {
  const shown = pointed ?? points.at(-1);
  if (!shown) return;
  fill(find(name), { ...pointTexts(shown), moment: pointed ? `at ${clock(pointed.at)}` : "" });
}

/** @param {Database} database */
function textsOf({ pool, retries, unknown_outcomes, readiness, migrations }) {
  const rate = rateOf(points);
  return {
    mode: pool.mode,
    acquired: count(pool.acquired),
    rate: rate === null ? "–" : `${count(rate)} / s`,
    timeouts: count(pool.timeouts),
    saturated: count(pool.saturated),
    retries: count(retries),
    unknown_outcomes: count(unknown_outcomes),
    ready: readiness.is_ready ? "Ready" : "Not ready",
    detail: readiness.detail ?? readiness.state,
    looked: readiness.age === null ? "not looked yet" : `${duration(Math.round(readiness.age))} ago`,
    migrated: migrations === null ? "Not known" : migrations.is_current ? "At head" : "Behind",
    current: migrations === null ? "–" : revisions(migrations.current),
    head: migrations === null ? "–" : revisions(migrations.head),
  };
}

/** @param {string[]} notices */
function drawNotices(notices) {
  drawRows("notices", notices, (text) => text, write);
  find("calm").hidden = notices.length > 0;
}

/** @param {Snapshot} snapshot @param {Database} database */
function drawHolders({ at, processes }, { pool, holders }) {
  const now = Date.parse(at);
  const longest = holders.toSorted((one, other) => other.seconds - one.seconds);
  const keys = numbered(longest, ({ process, what, line }) => JSON.stringify([process, what, line]));
  drawRows("holder-rows", longest, (holder) => String(keys.get(holder)), (row, { process, what, seconds, line }) => {
    const start = now - seconds * 1_000;
    if (!(Math.abs(start - Number(row.dataset.start)) < SAME_START_MS)) row.dataset.start = String(start);
    row.classList.toggle("leak", pool.leak_after != null && seconds >= pool.leak_after);
    fill(row, {
      seconds: duration(seconds),
      since: `since ${clock(Number(row.dataset.start))}`,
      what: what ?? "outside a request",
      line: line ?? "–",
      process: count(process).replaceAll(",", ""),
    });
  });
  find("holders").classList.toggle("one-process", processes.expected === 1);
  find("no-holders").hidden = longest.length > 0;
}

/** @param {Snapshot} snapshot @param {Database} database */
function drawStatements({ plans }, { name, statements }) {
  const slowest = statements.toSorted((one, other) => other.seconds - one.seconds);
  drawRows("statement-rows", slowest, ({ id }) => id, (row, statement) => {
    fill(row, statementTexts(statement));
    const button = /** @type {HTMLButtonElement} */ (row.querySelector("button"));
    button.onclick = () => showStatement(name, statement, statementTexts(statement), plans);
  });
  find("no-statements").hidden = slowest.length > 0;
}

/** @param {Statement} statement */
const statementTexts = ({ shape, count: times, seconds, mean, slowest }) => ({
  shape,
  times: count(times),
  total: duration(seconds),
  mean: duration(mean),
  slowest: duration(slowest),
});

/** @param {Database} database */
function drawErrors({ errors }) {
  const found = Object.entries(errors).sort(([, one], [, other]) => other - one);
  drawRows("error-rows", found, ([name]) => name, (row, [name, times]) => fill(row, { name, times: count(times) }));
  find("no-errors").hidden = found.length > 0;
}

/**
 * A key for each item: those that look alike are numbered.
 * @template T
 * @param {T[]} items
 * @param {(item: T) => string} lookOf
 */
function numbered(items, lookOf) {
  /** @type {Map<string, number>} */
  const times = new Map();
  return new Map(items.map((item) => {
    const look = lookOf(item);
    times.set(look, (times.get(look) ?? 0) + 1);
    return [item, `${look} ${times.get(look)}`];
  }));
}

/** @param {string} id */
function svg(id) {
  return /** @type {SVGSVGElement} */ (/** @type {unknown} */ (find(id)));
}
