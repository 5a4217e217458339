/** What the person does: each is shown at once, stored, and sent when the server can be reached. */

/** @import { ActionsModule, Operation, Task } from "./types.js" */

import { exchange, retryNow } from "./exchange.js";
import { randomUUID } from "./insecure.js";
import { fieldsOf } from "./operations.js";
import { enqueue, session } from "./replica.js";
import { current } from "./state.js";

export { retryNow };

const MOST_AT_ONCE = 1000;

/** @type {ActionsModule["createTask"]} */
export function createTask(fields) {
  const id = randomUUID();
  act([operation("create", id, { id, ...fields })]);
  return id;
}

/** @type {ActionsModule["changeTask"]} */
export const changeTask = (id, fields, base = task(id)) => act([operation("change", id, fields, base)]);

/** @type {ActionsModule["completeTask"]} */
export const completeTask = (id, completed) => act([operation("complete", id, { completed }, task(id))]);

/** @type {ActionsModule["deleteTask"]} */
export const deleteTask = (id) => act([operation("delete", id, undefined, task(id))]);

/** @type {ActionsModule["moveTask"]} */
export const moveTask = (id, move) => act([operation("move", id, move, task(id))]);

/** @type {ActionsModule["bulk"]} */
export function bulk(action, tasks) {
  const parts = [];
  for (let from = 0; from < tasks.length; from += MOST_AT_ONCE) {
    const bases = tasks.slice(from, from + MOST_AT_ONCE);
    const part = operation("bulk", undefined, { action, ids: bases.map(({ id }) => id) });
    parts.push(action === "restore" ? { ...part, bases } : part);
  }
  act(parts);
}

/** @type {ActionsModule["restoreTasks"]} */
export const restoreTasks = (deleted) =>
  deleted.length > 1 ? bulk("restore", deleted) : act([operation("restore", deleted[0].id, undefined, deleted[0])]);

/** @type {ActionsModule["createTag"]} */
export function createTag(name, color) {
  const id = randomUUID();
  act([operation("create-tag", id, { id, name, color })]);
}

/** @type {ActionsModule["changeTag"]} */
export const changeTag = (id, fields) => act([operation("change-tag", id, fields)]);

/** @type {ActionsModule["deleteTag"]} */
export const deleteTag = (id) => act([operation("delete-tag", id, undefined)]);

/** @type {ActionsModule["settle"]} */
export const settle = ({ operation: mine, theirs }, choice) =>
  act(choice === "mine" ? again(mine, theirs) : [], [mine.key]);

/** @type {ActionsModule["dismiss"]} */
export const dismiss = ({ operation: refused }) => act([], [refused.key]);

/** @returns {Operation[]} the same over their version, or from the start if they deleted it */
function again(/** @type {Operation} */ { id, kind, body, base }, /** @type {Task | null} */ theirs) {
  if (theirs) return [operation(kind, id, body, theirs)];
  if (kind === "delete") return [];
  const fresh = randomUUID();
  const before = base && fieldsOf(/** @type {Task} */ (base));
  return [operation("create", fresh, { ...before, .../** @type {any} */ (body), id: fresh })];
}

/**
 * @param {Operation["kind"]} kind
 * @param {string | undefined} id
 * @param {unknown} body
 * @param {Operation["base"]} [base]
 * @returns {Operation}
 */
function operation(kind, id, body, base) {
  const account = session()?.account.id ?? "";
  return { key: randomUUID(), account, at: new Date().toISOString(), kind, id, body, base };
}

/** `settled` are keys of held operations that this decides. */
function act(/** @type {Operation[]} */ operations, /** @type {string[]} */ settled = []) {
  void enqueue(operations, settled).then(() => exchange());
}

const task = (/** @type {string} */ id) => current().tasks.get(id);
