/** Days and moments in the person's own time zone. A day is text, such as `2030-01-31`. */

export const isDay = (/** @type {string} */ due) => /^\d{4}-\d{2}-\d{2}$/.test(due);

/** The day on which a moment is, here. */
export function today(/** @type {Date} */ moment) {
  const year = String(moment.getFullYear()).padStart(4, "0");
  return `${year}-${two(moment.getMonth() + 1)}-${two(moment.getDate())}`;
}

export function addDays(/** @type {string} */ day, /** @type {number} */ n) {
  const date = new Date(`${day}T00:00:00Z`);
  date.setUTCDate(date.getUTCDate() + n);
  return date.toISOString().slice(0, 10);
}

/** The day on which something is due, here. */
export const dayOf = (/** @type {string} */ due) => (isDay(due) ? due : today(new Date(due)));

/** Whether its time, or its whole day, is over. */
export function isOverdue(/** @type {string} */ due, /** @type {Date} */ now) {
  return isDay(due) ? due < today(now) : Date.parse(due) < now.getTime();
}

/** A due date as the fields of a form hold it: local, `""` for none. */
export function splitDue(/** @type {string | null} */ due) {
  if (due === null) return { day: "", time: "" };
  if (isDay(due)) return { day: due, time: "" };
  const moment = new Date(due);
  return { day: today(moment), time: `${two(moment.getHours())}:${two(moment.getMinutes())}` };
}

/**
 * The inverse of `splitDue`. A time that the clocks leave out on that day is the one an hour later.
 * @returns {string | null} null without a day
 */
export function joinDue(/** @type {string} */ day, /** @type {string} */ time) {
  if (!isDay(day)) return null;
  if (!time) return day;
  const moment = new Date(`${day}T${time}`);
  return Number.isNaN(moment.getTime()) ? day : moment.toISOString().replace(/\.000Z$/, "Z");
}

/** A text that orders by due date: a day before the times of that day, nothing last. */
export function dueOrder(/** @type {string | null} */ due) {
  if (due === null) return "~";
  return isDay(due) ? due : `${dayOf(due)} ${new Date(due).toISOString()}`;
}

const two = (/** @type {number} */ n) => String(n).padStart(2, "0");
