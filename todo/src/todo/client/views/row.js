/** A task in the list. */
import { html, nothing } from "../library/lit-html/lit-html.js";
import { complete, edit } from "../commands.js";
import { startDragging } from "../drag.js";
import { text } from "../messages.js";
import { selectTo, toggle } from "../selection.js";
import { isManual, ui } from "../ui.js";
import { dueChip } from "./due.js";
import { icon, mark } from "./icon.js";

/**
 * @typedef {import("../types").Task} Task
 * @typedef {import("../types").TagRef} TagRef
 */

/** @param {Task} task @param {boolean} isUnsent @param {Date} now */
export function row(task, isUnsent, now) {
  const isCurrent = ui.focused === task.id;
  return html`
    ${ui.selecting ? selectBox(task) : nothing}
    <button class="check ${task.priority}" role="checkbox" tabindex="-1"
      aria-checked=${task.completed ? "true" : "false"} aria-label=${text.complete_task(task.title)}
      @click=${() => complete([task.id], !task.completed)}><span>${icon("check")}</span></button>
    <button class="open" tabindex=${isCurrent ? "0" : "-1"}
      @click=${(/** @type {MouseEvent} */ event) => open(event, task.id)}>
      <span class="title">${task.title}</span>
      <span class="meta">${meta(task, isUnsent, now)}</span>
    </button>
    ${isManual() ? grip(task) : nothing}`;
}

/** @param {MouseEvent} event @param {string} id */
function open(event, id) {
  if (event.shiftKey) selectTo(id);
  else if (event.metaKey || event.ctrlKey || ui.selecting) toggle(id);
  else edit(id);
}

/** @param {Task} task */
const selectBox = (task) => html`
  <input class="select" type="checkbox" tabindex="-1" .checked=${ui.selected.has(task.id)}
    aria-label=${text.select_task(task.title)} @click=${() => toggle(task.id)}>`;

/** @param {Task} task */
const grip = (task) => html`
  <button class="grip" tabindex="-1" aria-label=${text.drag_task(task.title)}
    @pointerdown=${(/** @type {PointerEvent} */ event) => startDragging(event, task.id)}
    @click=${() => edit(task.id)}>${icon("grip")}</button>`;

/** @param {Task} task @param {boolean} isUnsent @param {Date} now */
function meta(task, isUnsent, now) {
  const isPressing = task.priority === "urgent" || task.priority === "high";
  return html`
    ${isPressing
      ? html`<span class="pressing ${task.priority}">${icon("flag")}${text.priorities[task.priority]}</span>` : nothing}
    ${dueChip(task, now)}
    ${task.tags.map(chip)}
    ${task.description ? mark("notes", text.has_notes) : nothing}
    ${isUnsent ? mark("cloud", text.unsent) : nothing}`;
}

/** @param {TagRef} tag */
export const chip = (tag) => html`<span class="chip">${dot(tag.color)}${tag.name}</span>`;

/** @param {string} color */
export const dot = (color) => html`<i class="dot" .style=${`background:${safe(color)}`}></i>`;

/** Anything but a colour would be more CSS. @param {string} color */
const safe = (color) => (/^#[0-9a-f]{6}$/i.test(color) ? color : "gray");
