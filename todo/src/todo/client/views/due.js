/** How a due date looks. */
import { html, nothing } from "../library/lit-html/lit-html.js";
import { isOverdue, splitDue } from "../dates.js";
import { text } from "../messages.js";

/** @param {string} due @param {Date} now */
export function dueText(due, now) {
  const { day, time } = splitDue(due);
  const at = time ? new Date(`${day}T${time}`) : null;
  return text.due(new Date(`${day}T00:00`), at, now);
}

/** @param {import("../types").Task} task @param {Date} now */
export function dueChip({ due_date: due, completed }, now) {
  if (due === null) return nothing;
  const isLate = !completed && isOverdue(due, now);
  return html`<span class="due ${isLate ? "late" : ""}"
    >${isLate ? html`<span class="unseen">${text.overdue}: </span>` : nothing}<time
      datetime=${due}>${dueText(due, now)}</time></span>`;
}
