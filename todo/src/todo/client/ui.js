/** What the view shows besides the data: the filter, the selection, what is focused and edited. */
import { today } from "./dates.js";
import * as drafts from "./drafts.js";
import { PRIORITIES, select, SORTS } from "./select.js";
import { announce, current } from "./state.js";

/**
 * @typedef {import("./types").Task} Task
 * @typedef {import("./types").Filter} Filter
 * @typedef {import("./views/types").Ui} Ui
 * @typedef {import("./views/types").Draft} Draft
 */

const LETTERS_OFF = "letters-off";
const VIEW = "view";

/** @type {Ui} */
export const ui = {
  filter: { view: "all", query: "", priority: null, sort: "position" },
  entry: { page: "login", secret: "" },
  dialog: null,
  focused: null,
  selected: new Set(),
  selecting: false,
  editing: null,
  adding: blank(),
  dragging: null,
  notice: null,
  said: "",
  letters: localStorage.getItem(LETTERS_OFF) === null,
};

/** @returns {Draft} */
export function blank() {
  return { title: "", description: "", priority: "medium", day: "", time: "", tags: [], tag: "" };
}

/** @param {Partial<Ui>} fields */
export function change(fields) {
  Object.assign(ui, fields);
  announce();
}

/** @param {Partial<Filter>} fields */
export function changeFilter(fields) {
  const filter = { ...ui.filter, ...fields };
  const { sort, priority } = filter;
  if (fields.sort || fields.priority !== undefined) void drafts.write(VIEW, { sort, priority });
  change({ filter, selected: new Set(), selecting: false });
}

/** As it was before the page was loaded again. @returns {Partial<Filter>} */
export function keptFilter() {
  const { sort, priority } = drafts.read(VIEW) ?? {};
  return {
    sort: SORTS.includes(sort) ? sort : "position",
    priority: PRIORITIES.includes(priority) ? priority : null,
  };
}

/** @param {boolean} letters */
export function changeLetters(letters) {
  if (letters) localStorage.removeItem(LETTERS_OFF);
  else localStorage.setItem(LETTERS_OFF, "");
  change({ letters });
}

/** @param {string} said For screen readers. */
export const say = (said) => change({ said });

/** @type {{ key: unknown[], tasks: Task[] }} */
let memory = { key: [], tasks: [] };

/** The tasks of the present view, in order. */
export function shown() {
  const state = current();
  const now = new Date();
  const key = [state.tasks, state.tags, ui.filter, today(now)];
  if (key.some((each, place) => each !== memory.key[place])) {
    memory = { key, tasks: select(state, ui.filter, now) };
  }
  return memory.tasks;
}

/** Whether the order is the one that people make. */
export const isManual = () => ui.filter.sort === "position" && ui.filter.query.trim() === "";

/** @type {string | null} */
let wanted = null;

/** Focuses what the selector finds after the next drawing. @param {string} selector */
export function focusLater(selector) {
  wanted = selector;
  announce();
}

/** To be called after drawing. */
export function focusNow() {
  if (wanted === null) return;
  const element = /** @type {HTMLElement | null} */ (document.querySelector(wanted));
  wanted = null;
  element?.focus({ preventScroll: true });
  if (element instanceof HTMLInputElement && element.type === "text") {
    element.setSelectionRange(element.value.length, element.value.length);
  }
  element?.scrollIntoView({ block: "nearest" });
}

/** @param {string} id */
export const rowSelector = (id) => `[data-id="${CSS.escape(id)}"]`;

/** @param {string | undefined} id Focuses its row. */
export function focusRow(id) {
  change({ focused: id ?? null });
  focusLater(id === undefined ? "#new-task" : `${rowSelector(id)} .open`);
}

/** @param {string} selector */
export const focusOn = (selector) => () => /** @type {HTMLElement | null} */ (document.querySelector(selector))?.focus();

/** At once: the next drawing, which may focus something else, comes before the event of the dialog. */
export function closeDialog() {
  /** @type {HTMLDialogElement | null} */ (document.querySelector("dialog[open]"))?.close();
  change({ dialog: null });
}
