/** Which tasks are selected. */
import { change, focusRow, shown, ui } from "./ui.js";

/** Where a range begins. @type {string | null} */
let anchor = null;

/** @param {Iterable<string>} ids */
const choose = (ids) => change({ selected: new Set(ids), selecting: true });

export function toggle(/** @type {string} */ id) {
  anchor = id;
  const others = [...ui.selected].filter((each) => each !== id);
  choose(others.length === ui.selected.size ? [...others, id] : others);
  focusRow(id);
}

/** Selects from the anchor to this task. @param {string} id */
export function selectTo(id) {
  const ids = shown().map((task) => task.id);
  const [from, to] = [ids.indexOf(anchor ?? ui.focused ?? id), ids.indexOf(id)];
  if (from < 0) return toggle(id);
  anchor = ids[from];
  choose(ids.slice(Math.min(from, to), Math.max(from, to) + 1));
  focusRow(id);
}

export const selectAll = () => choose(shown().map(({ id }) => id));

export const startSelecting = () => choose([]);

export function endSelecting() {
  anchor = null;
  change({ selected: new Set(), selecting: false });
}

/** Those that are selected, or else the one with the focus; none that are hidden by now. */
export function chosen() {
  if (!ui.selecting) return shown().flatMap(({ id }) => (id === ui.focused ? id : []));
  return shown().flatMap(({ id }) => (ui.selected.has(id) ? id : []));
}
