/** Numbers and times as people read them. */

const NOTHING = "–";

const number = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const precise = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });
const time = new Intl.DateTimeFormat("en", { timeStyle: "medium", hourCycle: "h23" });

/** @param {number | null | undefined} value */
export const count = (value) => (value == null ? NOTHING : number.format(value));

/** @param {number | null | undefined} seconds such as 0.0032, which is 3.2 ms */
export function duration(seconds) {
  if (seconds == null) return NOTHING;
  if (seconds === 0) return "0 s";
  if (seconds < 0.001) return `${precise.format(seconds * 1e6)} µs`;
  if (seconds < 1) return `${precise.format(seconds * 1e3)} ms`;
  if (seconds < 60) return `${number.format(seconds)} s`;
  const whole = Math.floor(seconds);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  if (hours > 0) return `${hours} h ${minutes} min`;
  return rest > 0 ? `${minutes} min ${rest} s` : `${minutes} min`;
}

/** @param {number} ms since 1970 */
export const clock = (ms) => time.format(ms);
