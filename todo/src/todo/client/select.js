/** Which tasks a view shows, and how many there are of each kind. */

/** @import { Filter, Priority, State, Task } from "./types.js" */

import { compareDue, dayOf, isOverdue, today } from "./dates.js";
import { foldWords, search } from "./search.js";

/** @type {Record<Priority, number>} */
const RANKS = { urgent: 0, high: 1, medium: 2, low: 3 };
const names = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

/** @type {Record<Filter["sort"], (one: Task, other: Task) => number>} */
const ORDERS = {
  position: byPosition,
  due_date: (one, other) => compareDue(one.due_date, other.due_date),
  priority: (one, other) => RANKS[one.priority] - RANKS[other.priority],
  created_at: (one, other) => (one.created_at > other.created_at ? -1 : Number(one.created_at < other.created_at)),
  title: (one, other) => names.compare(one.title, other.title),
};

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
  const count = { all: 0, today: 0, overdue: 0, upcoming: 0, no_date: 0, completed: 0 };
  /** @type {Map<string, number>} */
  const tags = new Map([...state.tags.keys()].map((id) => [id, 0]));
  for (const task of state.tasks.values()) {
    if (task.completed) {
      count.completed += 1;
      continue;
    }
    count.all += 1;
    if (task.due_date === null) count.no_date += 1;
    else if (isDueBy(task.due_date, now)) count.today += 1;
    else count.upcoming += 1;
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
function isDueBy(/** @type {string} */ due, /** @type {Date} */ now) {
  return dayOf(due) <= today(now);
}

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
  if (one.position !== other.position) return one.position < other.position ? -1 : 1;
  return one.id < other.id ? -1 : Number(one.id > other.id);
}

/** The last one first. */
function byCompletion(/** @type {Task} */ one, /** @type {Task} */ other) {
  const [at, otherAt] = [one.completed_at ?? "", other.completed_at ?? ""];
  return at > otherAt ? -1 : Number(at < otherAt);
}
