/** What the person does: each is shown at once, stored, and sent when the server can be reached. */

/** @import { Conflict, Move, Operation, Refusal, Task, TaskFields } from "./types.js" */

import { exchange, retryNow } from "./exchange.js";
import { randomUUID } from "./insecure.js";
import { fieldsOf } from "./operations.js";
import { enqueue, session } from "./replica.js";
import { current } from "./state.js";

export { retryNow };

const MOST_AT_ONCE = 1000;

/** @returns {string} its id */
export function createTask(/** @type {Partial<TaskFields> & { title: string }} */ fields) {
  const id = randomUUID();
  act([operation("create", id, { id, ...trimmed(fields) })]);
  return id;
}

/**
 * @param {string} id
 * @param {Partial<TaskFields>} fields
 * @param {Task} [base] the task as it was when the person began to type
 */
export function changeTask(id, fields, base = current().tasks.get(id)) {
  act([operation("change", id, trimmed(fields), base)]);
}

export function completeTask(/** @type {string} */ id, /** @type {boolean} */ completed) {
  act([operation("complete", id, { completed }, current().tasks.get(id))]);
}

export function deleteTask(/** @type {string} */ id) {
  act([operation("delete", id, undefined, current().tasks.get(id))]);
}

/** Undoes a deletion. */
export function restoreTask(/** @type {Task} */ task) {
  act([operation("restore", task.id, undefined, task)]);
}

export function moveTask(/** @type {string} */ id, /** @type {Move} */ move) {
  act([operation("move", id, move, current().tasks.get(id))]);
}

export function bulk(/** @type {"complete" | "reopen" | "delete"} */ action, /** @type {string[]} */ ids) {
  const parts = [];
  for (let from = 0; from < ids.length; from += MOST_AT_ONCE) {
    parts.push(operation("bulk", undefined, { action, ids: ids.slice(from, from + MOST_AT_ONCE) }));
  }
  act(parts);
}

/** @returns {string} its id */
export function createTag(/** @type {string} */ name, /** @type {string} */ color) {
  const id = randomUUID();
  act([operation("create-tag", id, { id, name: name.trim(), color: color.toLowerCase() })]);
  return id;
}

/**
 * @param {string} id
 * @param {{ name?: string; color?: string }} fields
 */
export function changeTag(id, { name, color }) {
  const body = { ...(name !== undefined && { name: name.trim() }), ...(color && { color: color.toLowerCase() }) };
  act([operation("change-tag", id, body, current().tags.get(id))]);
}

export function deleteTag(/** @type {string} */ id) {
  act([operation("delete-tag", id, undefined, current().tags.get(id))]);
}

/**
 * `mine` sends mine again over theirs, or creates it again if it was deleted; `theirs` drops mine.
 * @param {Conflict} conflict
 * @param {"mine" | "theirs"} choice
 */
export function settle({ operation: mine, theirs }, choice) {
  act(choice === "mine" ? again(mine, theirs) : [], [mine.key]);
}

/** Throws the refused operation away. */
export function dismiss(/** @type {Refusal} */ { operation: refused }) {
  act([], [refused.key]);
}

/** @returns {Operation[]} */
function again(/** @type {Operation} */ mine, /** @type {Task | null} */ theirs) {
  const { id = "", kind, body, base } = mine;
  if (theirs) return [operation(kind, id, body, theirs)];
  if (kind === "delete") return [];
  const fresh = randomUUID();
  const fields = { ...(base && fieldsOf(/** @type {Task} */ (base))), .../** @type {any} */ (body), id: fresh };
  return [operation("create", fresh, fields)];
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

/** @param {string[]} [settled] keys of held operations that this decides */
function act(/** @type {Operation[]} */ operations, settled) {
  void enqueue(operations, settled).then(() => exchange());
}

/**
 * As the server stores them, so that its version compares equal.
 * @template {Partial<TaskFields>} T
 * @returns {T}
 */
function trimmed(/** @type {T} */ fields) {
  const { title, tags, description } = fields;
  return {
    ...fields,
    ...(title !== undefined && { title: title.trim() }),
    ...(tags && { tags: tags.map((name) => name.trim()).filter(Boolean) }),
    ...(description !== undefined && { description: description || null }),
  };
}
