/** The list: only the rows near the window are in the document, each at its own height. */
import { html } from "../library/lit-html/lit-html.js";
import { repeat } from "../library/lit-html/directives/repeat.js";
import { current } from "../state.js";
import { change, shown, ui } from "../ui.js";
import { editor } from "./editor.js";
import { row } from "./row.js";

/** @typedef {import("../types").Task} Task */

const MARGIN = 400;

/** Heights as they were measured, until the width changes. @type {Map<string, number>} */
const heights = new Map();
let usual = 48;
let width = 0;
let start = 200;
/** Where each row began when it was drawn last, and where the last one ended. @type {number[]} */
let tops = [];

/** @param {string} id */
const keyOf = (id) => (ui.editing?.id === id ? `edit:${id}` : id);
/** @param {string} id */
const heightOf = (id) => heights.get(keyOf(id)) ?? usual;

/** @param {Task[]} tasks Where each begins, and where the last ends. */
export function topsOf(tasks) {
  const all = [0];
  for (const [place, { id }] of tasks.entries()) all.push(all[place] + heightOf(id));
  return all;
}

export function list() {
  const now = new Date();
  const tasks = shown();
  const { dragging } = ui;
  const carried = dragging ? tasks.findIndex(({ id }) => id === dragging.id) : -1;
  // While a task is carried, those between make room. Their elements stay where they are in the
  // document, as one that is moved there loses the pointer.
  const isCarried = dragging !== null && carried >= 0;
  const order = isCarried ? tasks.toSpliced(carried, 1).toSpliced(dragging.index, 0, tasks[carried]) : tasks;
  tops = topsOf(order);
  const from = window.scrollY - start - MARGIN;
  const to = window.scrollY - start + window.innerHeight + MARGIN;
  // The keys need a row that they start from; without one it is the first.
  if (!tasks.some(({ id }) => id === ui.focused)) ui.focused = tasks.at(0)?.id ?? null;
  const places = tasks.flatMap(({ id }, place) => {
    const isNear = tops[place + 1] > from && tops[place] < to;
    // A row with the focus stays, wherever the window is scrolled to.
    return isNear || id === ui.focused || id === ui.editing?.id ? place : [];
  });
  return html`
    <ul class="rows ${dragging ? "sorting" : ""}" role="list" .style=${`height:${tops.at(-1)}px`}>
      ${repeat(places, (place) => tasks[place].id, (place) => {
        const task = tasks[place];
        const top = tops[isCarried ? order.indexOf(task) : place];
        return item(task, place, tasks.length, top, current().unsent.has(task.id), now);
      })}
    </ul>`;
}

/**
 * @param {Task} task
 * @param {number} place
 * @param {number} count
 * @param {number} top
 * @param {boolean} isUnsent
 * @param {Date} now
 */
function item(task, place, count, top, isUnsent, now) {
  const isCarried = ui.dragging?.id === task.id;
  const isEdited = ui.editing?.id === task.id;
  const classes = ["row", task.completed && "completed", ui.selected.has(task.id) && "selected",
    isCarried && "carried", isEdited && "edited"];
  const y = isCarried && ui.dragging ? ui.dragging.top : top;
  return html`
    <li class=${classes.filter(Boolean).join(" ")} data-id=${task.id}
      aria-setsize=${count} aria-posinset=${place + 1} .style=${`transform:translateY(${y}px)`}
      @focusin=${() => ui.focused !== task.id && change({ focused: task.id })}>
      ${isEdited ? editor() : row(task, isUnsent, now)}
    </li>`;
}

/** To be called after drawing. Returns whether it must be drawn again. */
export function measure() {
  const rows = /** @type {HTMLElement | null} */ (document.querySelector(".rows"));
  if (!rows) return false;
  let isChanged = false;
  if (rows.clientWidth !== width) {
    heights.clear();
    width = rows.clientWidth;
  }
  const begin = rows.getBoundingClientRect().top + window.scrollY;
  if (begin !== start) [start, isChanged] = [begin, true];
  for (const element of /** @type {HTMLCollectionOf<HTMLElement>} */ (rows.children)) {
    const id = element.dataset.id ?? "";
    const height = Math.ceil(element.getBoundingClientRect().height);
    if (heightOf(id) !== height) isChanged = true;
    heights.set(keyOf(id), height);
    if (!ui.editing) usual = Math.min(usual, height);
  }
  return isChanged;
}

/**
 * Draws again, and keeps what is in the window where it is: rows above it may be higher than was guessed.
 * @param {() => void} draw
 */
export function drawInPlace(draw) {
  const before = tops;
  const first = before.findLastIndex((top) => top <= window.scrollY - start);
  draw();
  if (first > 0 && !ui.dragging) window.scrollBy(0, tops[first] - before[first]);
}
