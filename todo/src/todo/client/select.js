/** Which tasks a view shows, and how many there are of each kind. */

/** @import { Filter, State, Task } from "./types.js" */

import { dayOf, dueOrder, isOverdue, today } from "./dates.js";
import { foldWords, search } from "./search.js";

export const VIEWS = /** @type {const} */ (["all", "today", "upcoming", "no-date", "completed"]);
export const PRIORITIES = /** @type {const} */ (["urgent", "high", "medium", "low"]);
const names = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

/** @type {Record<Filter["sort"], (one: Task, other: Task) => number>} */
const ORDERS = {
  position: byPosition,
  due_date: (one, other) => compare(dueOrder(one.due_date), dueOrder(other.due_date)),
  priority: (one, other) => PRIORITIES.indexOf(one.priority) - PRIORITIES.indexOf(other.priority),
  created_at: (one, other) => compare(other.created_at, one.created_at),
  title: (one, other) => names.compare(one.title, other.title),
};
export const SORTS = /** @type {(keyof typeof ORDERS)[]} */ (Object.keys(ORDERS));

/**
 * The tasks of a view, in its order.
 * @returns {Task[]}
 */
export function select(/** @type {State} */ state, /** @type {Filter} */ filter, /** @type {Date} */ now) {
  const found = search(filter.query);
  const tasks = [...state.tasks.values()].filter(
    (task) =>
      isIn(task, filter.view, now) &&
      (filter.priority === null || task.priority === filter.priority) &&
      (found === null || found(folded(task))),
  );
  if (filter.view === "completed" && filter.sort === "position") return tasks.sort(byCompletion);
  const order = ORDERS[filter.sort];
  return tasks.sort((one, other) => order(one, other) || byPosition(one, other));
}

/** All numbers but `completed` are of open tasks; `today` includes what is overdue, as its view does. */
export function counts(/** @type {State} */ state, /** @type {Date} */ now) {
  const count = { all: 0, today: 0, overdue: 0, upcoming: 0, "no-date": 0, completed: 0 };
  /** @type {Map<string, number>} */
  const tags = new Map([...state.tags.keys()].map((id) => [id, 0]));
  for (const task of state.tasks.values()) {
    for (const view of VIEWS) if (isIn(task, view, now)) count[view] += 1;
    if (task.completed) continue;
    if (task.due_date !== null && isOverdue(task.due_date, now)) count.overdue += 1;
    for (const { id } of task.tags) tags.set(id, (tags.get(id) ?? 0) + 1);
  }
  return { ...count, tags };
}

function isIn(/** @type {Task} */ task, /** @type {Filter["view"]} */ view, /** @type {Date} */ now) {
  if (task.completed !== (view === "completed")) return false;
  if (view === "all" || view === "completed") return true;
  if (view === "no-date") return task.due_date === null;
  if (view === "today") return task.due_date !== null && isDueBy(task.due_date, now);
  if (view === "upcoming") return task.due_date !== null && !isDueBy(task.due_date, now);
  return task.tags.some(({ id }) => id === view.tag);
}

/** Whether it is due today, or was before. */
const isDueBy = (/** @type {string} */ due, /** @type {Date} */ now) => dayOf(due) <= today(now);

/** @type {WeakMap<Task, string>} */
const folds = new WeakMap();

function folded(/** @type {Task} */ task) {
  let text = folds.get(task);
  if (text === undefined) {
    text = ` ${foldWords(`${task.title} ${task.description ?? ""}`)} `;
    folds.set(task, text);
  }
  return text;
}

function byPosition(/** @type {Task} */ one, /** @type {Task} */ other) {
  return compare(one.position, other.position) || compare(one.id, other.id);
}

/** The last one first. */
const byCompletion = (/** @type {Task} */ one, /** @type {Task} */ other) =>
  compare(other.completed_at ?? "", one.completed_at ?? "");

const compare = (/** @type {string} */ one, /** @type {string} */ other) => (one < other ? -1 : Number(one > other));
