/** The scales of the plots: whole connections from 0 on, and durations by powers of ten. */

/** @import { Point, Scale, Series } from "./types.js" */

import { count, duration } from "./format.js";

const FEWEST = 4;
const STEPS = [1, 2, 5];
const MOST_TICKS = 5;
/** A limit further away would leave the rest too flat to be read. */
const FAR = 4;

/** @param {Point[]} points @param {Series[]} areas on each other @returns {Scale} */
export function counts(points, areas) {
  const sums = points.map((point) => areas.reduce((sum, { of }) => sum + (of(point) ?? 0), 0));
  const most = Math.max(FEWEST, ...sums);
  const limit = points.at(-1)?.limit ?? 0;
  const high = (limit < FAR * most ? Math.max(most, limit) : most) * 1.08;
  const step = [1, 10, 100, 1_000, 10_000]
    .flatMap((power) => STEPS.map((each) => each * power))
    .find((each) => high / each < MOST_TICKS) ?? high;
  const values = Array.from({ length: Math.floor(high / step) + 1 }, (_, place) => place * step);
  return {
    ticks: values.map((value) => ({ value, label: count(value) })),
    place: (value) => value / high,
  };
}

/** @param {Point[]} points @param {Series[]} series @returns {Scale} */
export function durations(points, series) {
  const powers = points
    .flatMap((point) => series.map(({ of }) => of(point) ?? 0))
    .filter((value) => value > 0)
    .map(Math.log10);
  const low = Math.floor(Math.min(-3, ...powers));
  const high = Math.max(low + 2, Math.ceil(Math.max(-3, ...powers)));
  const every = high - low > 4 ? 2 : 1;
  const values = Array.from({ length: Math.floor((high - low) / every) + 1 }, (_, place) => 10 ** (low + place * every));
  return {
    ticks: values.map((value) => ({ value, label: duration(value) })),
    place: (value) => (Math.log10(Math.max(value, 10 ** low)) - low) / (high - low),
  };
}
