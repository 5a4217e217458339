/** The keys that work everywhere but where text is typed. */
import { complete, edit, moveBy, prioritize, remove, undo } from "./commands.js";
import { PRIORITIES } from "./select.js";
import { chosen, endSelecting, selectAll, selectTo, toggle } from "./selection.js";
import { current } from "./state.js";
import { change, focusOn, focusRow, shown, ui } from "./ui.js";

const TYPED_IN = "input:not([type=checkbox], [type=radio]), textarea, select";

/** Whether the key before this one was g. */
let isGoing = false;

export function listenToKeys() {
  document.addEventListener("keydown", (event) => {
    const target = /** @type {HTMLElement} */ (event.target);
    if (event.defaultPrevented || event.isComposing || current().phase !== "in") return;
    if (ui.dialog || target.closest(".editor, .add") || target.matches(TYPED_IN)) return;
    if (target.matches("button:not(.open), a") && [" ", "Enter"].includes(event.key)) return;
    const action = actionOf(event);
    if (!action) return;
    event.preventDefault();
    action();
  });
}

/** @param {KeyboardEvent} event @returns {(() => void) | null} */
function actionOf({ key, ctrlKey, metaKey, altKey, shiftKey }) {
  const before = isGoing ? "g " : "";
  isGoing = false;
  if (ctrlKey || metaKey) return keys[`Ctrl ${key.toLowerCase()}`] ?? null;
  if (altKey) return keys[`Alt ${key}`] ?? null;
  return keys[shiftKey ? `Shift ${key}` : key] ?? keys[key] ?? (ui.letters && letters[before + key]) ?? null;
}

/** @param {number} steps The task so many rows further. */
function further(steps) {
  const rows = shown();
  const place = rows.findIndex(({ id }) => id === ui.focused);
  // From elsewhere, the first key only comes to the list.
  const isInList = document.activeElement?.closest(".row") || !Number.isFinite(steps);
  return rows[Math.min(Math.max(place + (isInList ? steps : 0), 0), rows.length - 1)]?.id;
}

/** @param {number} steps */
const go = (steps) => () => focusRow(further(steps));

/** @param {number} steps */
const extend = (steps) => () => {
  const id = further(steps);
  if (id) selectTo(id);
};

/** @param {number} steps */
const move = (steps) => () => {
  if (!ui.focused || ui.filter.sort !== "position") return;
  moveBy(ui.focused, steps);
  focusRow(ui.focused);
};

const completeChosen = () => {
  const ids = chosen();
  complete(ids, ids.some((id) => !current().tasks.get(id)?.completed));
};
const removeChosen = () => remove(chosen());
const editFocused = () => { if (ui.focused) edit(ui.focused); };

/** @param {string} view */
const show = (view) => () => { location.hash = `#/${view}`; };

/** @typedef {Record<string, () => void>} Keys */

/** @type {Keys} */
const keys = {
  ArrowDown: go(1), ArrowUp: go(-1), PageDown: go(10), PageUp: go(-10),
  Home: go(-Infinity), End: go(Infinity),
  "Shift ArrowDown": extend(1), "Shift ArrowUp": extend(-1), "Alt ArrowDown": move(1), "Alt ArrowUp": move(-1),
  Enter: editFocused, " ": completeChosen, Delete: removeChosen, Backspace: removeChosen,
  Escape: endSelecting, "Ctrl a": selectAll, "Ctrl z": undo,
};

/** @type {Keys} */
const letters = {
  j: go(1), k: go(-1), e: editFocused, c: completeChosen, "#": removeChosen, z: undo,
  n: focusOn("#new-task"), q: focusOn("#new-task"), "/": focusOn("#search"),
  x: () => { if (ui.focused) toggle(ui.focused); },
  "?": () => change({ dialog: "help" }),
  g: () => { isGoing = true; },
  "g a": show("all"), "g t": show("today"), "g u": show("upcoming"), "g n": show("no-date"), "g c": show("completed"),
  ...Object.fromEntries(PRIORITIES.map((priority, place) => [
    String(place + 1), () => chosen().forEach((id) => prioritize(id, priority)),
  ])),
};
