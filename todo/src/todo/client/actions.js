/** What the person does: each is shown at once, stored, and sent when the server can be reached. */

/** @import { Conflict, Move, Operation, Refusal, Task, TaskFields } from "./types.js" */

import { exchange, retryNow } from "./exchange.js";
import { randomUUID } from "./insecure.js";
import { fieldsOf } from "./operations.js";
import { enqueue, session } from "./replica.js";
import { current } from "./state.js";

export { retryNow };

const MOST_AT_ONCE = 1000;

/**
 * @param {Partial<TaskFields> & { title: string }} fields
 * @returns {string} its id
 */
export function createTask(fields) {
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

/**
 * @param {string} id
 * @param {boolean} completed
 */
export function completeTask(id, completed) {
  act([operation("complete", id, { completed }, current().tasks.get(id))]);
}

/** @param {string} id */
export function deleteTask(id) {
  act([operation("delete", id, undefined, current().tasks.get(id))]);
}

/**
 * Undoes a deletion.
 * @param {Task} task
 */
export function restoreTask(task) {
  act([operation("restore", task.id, undefined, task)]);
}

/**
 * @param {string} id
 * @param {Move} move
 */
export function moveTask(id, move) {
  act([operation("move", id, move, current().tasks.get(id))]);
}

/**
 * @param {"complete" | "reopen" | "delete"} action
 * @param {string[]} ids
 */
export function bulk(action, ids) {
  const parts = [];
  for (let from = 0; from < ids.length; from += MOST_AT_ONCE) {
    parts.push(operation("bulk", undefined, { action, ids: ids.slice(from, from + MOST_AT_ONCE) }));
  }
  act(parts);
}

/**
 * @param {string} name
 * @param {string} color
 * @returns {string} its id
 */
export function createTag(name, color) {
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

/** @param {string} id */
export function deleteTag(id) {
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

/**
 * Throws the refused operation away.
 * @param {Refusal} refusal
 */
export function dismiss({ operation: refused }) {
  act([], [refused.key]);
}

/**
 * @param {Operation} mine
 * @param {Task | null} theirs
 * @returns {Operation[]}
 */
function again(mine, theirs) {
  const { id = "", kind, body, base } = mine;
  if (theirs) return [operation(kind, id, body, theirs)];
  if (kind === "delete") return [];
  const fresh = randomUUID();
  const fields = { ...fieldsOf(/** @type {Task} */ (base)), .../** @type {any} */ (body), id: fresh };
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

/**
 * @param {Operation[]} operations
 * @param {string[]} [settled] keys of held operations that this decides
 */
function act(operations, settled) {
  void enqueue(operations, settled).then(() => exchange());
}

/**
 * As the server stores them, so that its version compares equal.
 * @template {Partial<TaskFields>} T
 * @param {T} fields
 * @returns {T}
 */
function trimmed(fields) {
  const { title, tags, description } = fields;
  return {
    ...fields,
    ...(title !== undefined && { title: title.trim() }),
    ...(tags && { tags: tags.map((name) => name.trim()).filter(Boolean) }),
    ...(description !== undefined && { description: description || null }),
  };
}
