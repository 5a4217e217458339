/** A plot of the last minutes, in SVG: areas on each other, and lines. */

/** @import { Point, Scale, Series } from "./types.js" */

import { MINUTES } from "./history.js";

const SHORTEST_MS = 60_000;
/** Without points for so long, there is a gap. */
const GAP_MS = 5_000;
const [TOP, RIGHT, BOTTOM, LEFT] = [6, 1, 22, 52];

/**
 * @param {SVGSVGElement} svg
 * @param {object} parts
 * @param {Series[]} [parts.areas] from the bottom to the top; each value is on top of those before it
 * @param {Series[]} parts.lines
 * @param {(points: Point[]) => Scale} parts.scale
 * @param {(point: Point | null) => void} parts.onPoint is told which point the pointer is at
 * @returns {(points: Point[]) => void} draws it
 */
export function plot(svg, { areas = [], lines, scale, onPoint }) {
  const grid = add(svg, "g", "grid");
  const sums = areas.map(({ name }, place) => ({
    path: add(svg, "path", `area ${name}`),
    of: (/** @type {Point} */ point) =>
      areas.slice(0, place + 1).reduce((sum, { of }) => sum + (of(point) ?? 0), 0),
  }));
  // The highest sum is the farthest behind.
  for (const { path } of sums) grid.after(path);
  const paths = lines.map(({ name, of }) => ({ path: add(svg, "path", `line ${name}`), of }));
  const rule = add(svg, "path", "rule");

  /** @type {Point[]} */
  let points = [];
  /** @type {number | null} Where the pointer is. */
  let pointer = null;
  let drawn = "";

  function draw() {
    const { width, height } = svg.getBoundingClientRect();
    if (width === 0 || points.length === 0) return;
    const end = points[points.length - 1].at;
    const span = Math.min(MINUTES * 60_000, Math.max(SHORTEST_MS, end - points[0].at));
    const { ticks, place } = scale(points);
    const floor = height - BOTTOM;
    const x = (/** @type {number} */ at) => round(LEFT + (1 - (end - at) / span) * (width - LEFT - RIGHT));
    const y = (/** @type {number} */ value) => round(floor - place(value) * (floor - TOP));

    const times = timesOf(span).map((ago) => ({ at: x(end - ago), label: nameOf(ago) }));
    const levels = ticks.map(({ value, label }) => ({ at: y(value), label }));
    const key = JSON.stringify([width, height, times, levels]);
    if (key !== drawn) drawGrid(grid, width, height, times, levels);
    drawn = key;

    for (const { path, of } of sums) {
      const closed = runsOf(points, of).map((run) => `${steps(run, of, x, y)}V${floor}H${x(run[0].at)}Z`);
      path.setAttribute("d", closed.join(""));
    }
    for (const { path, of } of paths) {
      path.setAttribute("d", runsOf(points, of).map((run) => steps(run, of, x, y)).join(""));
    }
    const pointed = pointer === null ? null : nearest(points, pointer, x);
    rule.setAttribute("d", pointed ? `M${x(pointed.at)} ${TOP}V${floor}` : "");
    onPoint(pointed);
  }

  new ResizeObserver(draw).observe(svg);
  svg.addEventListener("pointermove", ({ clientX }) => {
    pointer = clientX - svg.getBoundingClientRect().left;
    draw();
  });
  svg.addEventListener("pointerleave", () => {
    pointer = null;
    draw();
  });
  return (next) => {
    points = next;
    draw();
  };
}

/** @param {SVGElement} parent @param {string} tag @param {string} name */
function add(parent, tag, name) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  element.setAttribute("class", name);
  return parent.appendChild(element);
}

/** @param {number} value */
const round = (value) => Math.round(value * 10) / 10;

/** The moments that are named, in milliseconds before the last. @param {number} span */
function timesOf(span) {
  const step = span < 90_000 ? 15_000 : 60_000;
  return Array.from({ length: Math.floor(span / step) + 1 }, (_, place) => place * step);
}

/** @param {number} ago in milliseconds */
function nameOf(ago) {
  if (ago === 0) return "now";
  return ago % 60_000 === 0 ? `−${ago / 60_000} min` : `−${ago / 1_000} s`;
}

/**
 * @param {SVGElement} grid
 * @param {number} width
 * @param {number} height
 * @param {{ at: number, label: string }[]} times
 * @param {{ at: number, label: string }[]} levels
 */
function drawGrid(grid, width, height, times, levels) {
  grid.replaceChildren();
  for (const { at, label } of levels) {
    add(grid, "path", "level").setAttribute("d", `M${LEFT} ${at}H${width}`);
    write(grid, label, LEFT - 8, at + 4, "end");
  }
  for (const { at, label } of times) {
    const anchor = label === "now" ? "end" : "middle";
    if (at > LEFT + 16) write(grid, label, at, height - 4, anchor);
  }
}

/** @param {SVGElement} grid @param {string} label @param {number} x @param {number} y @param {string} anchor */
function write(grid, label, x, y, anchor) {
  const text = add(grid, "text", "");
  for (const [name, value] of Object.entries({ x, y, "text-anchor": anchor })) text.setAttribute(name, String(value));
  text.textContent = label;
}

/**
 * The points without gaps between them.
 * @param {Point[]} points
 * @param {Series["of"]} of
 */
function runsOf(points, of) {
  /** @type {Point[][]} */
  const found = [];
  let last = -Infinity;
  for (const point of points) {
    if (of(point) === null) continue;
    if (point.at - last > GAP_MS) found.push([]);
    found[found.length - 1].push(point);
    last = point.at;
  }
  return found;
}

/**
 * A value stays until the next one.
 * @param {Point[]} run
 * @param {Series["of"]} of
 * @param {(at: number) => number} x
 * @param {(value: number) => number} y
 */
function steps(run, of, x, y) {
  const level = (/** @type {Point} */ point) => y(of(point) ?? 0);
  return run.map((point, place) => `${place ? "H" : "M"}${x(point.at)}${place ? "V" : " "}${level(point)}`).join("");
}

/** @param {Point[]} points @param {number} pointer @param {(at: number) => number} x */
const nearest = (points, pointer, x) =>
  points.reduce((best, point) => (Math.abs(x(point.at) - pointer) < Math.abs(x(best.at) - pointer) ? point : best));
