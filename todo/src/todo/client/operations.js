/** What an operation changes, and what is sent for it. */

/** @import { Operation, Tag, TagRef, Task, TaskFields } from "./types.js" */

import { positionBetween } from "./positions.js";

export const DEFAULT_COLOR = "#6b7280";
/** @type {(keyof TaskFields)[]} */
const FIELDS = ["title", "description", "priority", "due_date", "tags"];

/**
 * Changes the tasks and tags as the server will.
 * @param {Operation} operation
 * @param {Map<string, Task>} tasks
 * @param {Map<string, Tag>} tags
 */
export function apply({ kind, id = "", body, base, at }, tasks, tags) {
  const given = /** @type {any} */ (body);
  const task = tasks.get(id);
  switch (kind) {
    case "create":
      if (!task) tasks.set(id, written(newTask(id, at, tasks), given, tags));
      break;
    case "change":
      if (task) tasks.set(id, written(task, given, tags));
      break;
    case "complete":
      if (task) tasks.set(id, completed(task, given.completed, at));
      break;
    case "delete":
      tasks.delete(id);
      break;
    case "restore":
      if (!task) tasks.set(id, /** @type {Task} */ (base));
      break;
    case "move":
      if (task) tasks.set(id, { ...task, position: positionAt(given, id, tasks) });
      break;
    case "bulk":
      for (const one of given.ids) applyBulk(given.action, one, at, tasks);
      break;
    case "create-tag":
      if (!tagNamed(given.name, tags)) tags.set(id, { ...given, created_at: at, updated_at: at, etag: "" });
      break;
    case "change-tag":
      changeTag(id, given, tasks, tags);
      break;
    case "delete-tag":
      deleteTag(id, tasks, tags);
      break;
  }
}

/**
 * What is left of a change when somebody else has changed the task, too.
 * @param {Operation} operation
 * @param {Task} theirs
 * @returns {Partial<TaskFields> | "conflict"} nothing in it if the task is as it should be
 */
export function rebased({ kind, body, base }, theirs) {
  const before = /** @type {Task} */ (base);
  if (kind === "delete") return FIELDS.every((field) => isSame(field, before, theirs)) ? {} : "conflict";
  const { tags, ...mine } = /** @type {Partial<TaskFields>} */ (body);
  /** @type {Record<string, unknown>} */
  const left = {};
  for (const [name, value] of Object.entries(mine)) {
    const field = /** @type {keyof TaskFields} */ (name);
    if (isSame(field, theirs, /** @type {any} */ (mine))) continue;
    if (!isSame(field, theirs, before)) return "conflict";
    left[field] = value;
  }
  if (tags) {
    const merged = mergedNames(namesOf(before), tags, namesOf(theirs));
    if (merged.map(fold).sort().join("\n") !== namesOf(theirs).map(fold).sort().join("\n")) left.tags = merged;
  }
  return left;
}

/**
 * What the person wrote, to be shown or sent again.
 * @returns {Partial<TaskFields>}
 */
export function typed(/** @type {Operation} */ { kind, body, base }) {
  if (kind === "change" || kind === "create") return /** @type {Partial<TaskFields>} */ (body);
  return kind === "restore" ? fieldsOf(/** @type {Task} */ (base)) : {};
}

/** @returns {TaskFields} */
export function fieldsOf(/** @type {Task} */ task) {
  const { title, description, priority, due_date } = task;
  return { title, description, priority, due_date, tags: namesOf(task) };
}

export function fold(/** @type {string} */ name) {
  return name.normalize("NFC").toLowerCase();
}

function namesOf(/** @type {{ tags: TagRef[] }} */ { tags }) {
  return tags.map(({ name }) => name);
}

function tagNamed(/** @type {string} */ name, /** @type {ReadonlyMap<string, Tag>} */ tags) {
  return [...tags.values()].find((tag) => fold(tag.name) === fold(name));
}

function isSame(/** @type {keyof TaskFields} */ field, /** @type {Task} */ one, /** @type {Task} */ other) {
  if (field === "tags") return namesOf(one).map(fold).sort().join("\n") === namesOf(other).map(fold).sort().join("\n");
  const [a, b] = [one[field], other[field]];
  if (a === b || field !== "due_date" || !a || !b) return a === b;
  return a.length > 10 && b.length > 10 && Date.parse(a) === Date.parse(b);
}

/**
 * Theirs, with what I added and without what I took away.
 * @param {string[]} before
 * @param {string[]} mine
 * @param {string[]} theirs
 */
function mergedNames(before, mine, theirs) {
  const [had, wanted] = [new Set(before.map(fold)), new Set(mine.map(fold))];
  const there = new Set(theirs.map(fold));
  const kept = theirs.filter((name) => wanted.has(fold(name)) || !had.has(fold(name)));
  return [...kept, ...mine.filter((name) => !had.has(fold(name)) && !there.has(fold(name)))];
}

/** @returns {Task} */
function newTask(/** @type {string} */ id, /** @type {string} */ at, /** @type {Map<string, Task>} */ tasks) {
  return {
    id, title: "", description: null, priority: "medium", due_date: null, completed: false,
    completed_at: null, tags: [], position: positionAt({ to: "last" }, id, tasks), created_at: at,
    updated_at: at, etag: "",
  };
}

/**
 * @param {Task} task
 * @param {Partial<TaskFields>} fields
 * @param {Map<string, Tag>} tags gets those that are missing
 * @returns {Task}
 */
function written(task, { title, description, priority, due_date, tags: names }, tags) {
  const refs = names?.map((name) => refTo(name, tags)) ?? task.tags;
  return {
    ...task,
    title: title ?? task.title,
    description: description === undefined ? task.description : description,
    priority: priority ?? task.priority,
    due_date: due_date === undefined ? task.due_date : due_date,
    tags: [...refs].sort((one, other) => (fold(one.name) < fold(other.name) ? -1 : 1)),
  };
}

/** @returns {TagRef} */
function refTo(/** @type {string} */ name, /** @type {Map<string, Tag>} */ tags) {
  const found = tagNamed(name, tags);
  if (found) return { id: found.id, name: found.name, color: found.color };
  const made = { id: `new ${fold(name)}`, name, color: DEFAULT_COLOR };
  tags.set(made.id, { ...made, created_at: "", updated_at: "", etag: "" });
  return made;
}

/** @returns {Task} */
function completed(/** @type {Task} */ task, /** @type {boolean} */ isCompleted, /** @type {string} */ at) {
  if (task.completed === isCompleted) return task;
  return { ...task, completed: isCompleted, completed_at: isCompleted ? at : null };
}

/**
 * @param {"complete" | "reopen" | "delete"} action
 * @param {string} id
 * @param {string} at
 * @param {Map<string, Task>} tasks
 */
function applyBulk(action, id, at, tasks) {
  const task = tasks.get(id);
  if (action === "delete") tasks.delete(id);
  else if (task) tasks.set(id, completed(task, action === "complete", at));
}

function positionAt(/** @type {any} */ move, /** @type {string} */ id, /** @type {Map<string, Task>} */ tasks) {
  const others = [...tasks.values()].filter((task) => task.id !== id).map(({ position }) => position);
  const anchor = tasks.get(move.before ?? move.after)?.position;
  if (anchor === undefined && !move.to) return tasks.get(id)?.position ?? "5";
  const isAfter = move.after !== undefined || move.to === "first";
  const from = anchor ?? null;
  // The neighbour on the other side of the gap, if there is one.
  let next = null;
  for (const position of others) {
    if (isAfter ? from === null || position > from : from === null || position < from) {
      if (next === null || (isAfter ? position < next : position > next)) next = position;
    }
  }
  return isAfter ? positionBetween(from, next) : positionBetween(next, from);
}

/**
 * @param {string} id
 * @param {{ name?: string; color?: string }} fields
 * @param {Map<string, Task>} tasks
 * @param {Map<string, Tag>} tags
 */
function changeTag(id, fields, tasks, tags) {
  const tag = tags.get(id);
  if (!tag) return;
  tags.set(id, { ...tag, ...fields });
  for (const task of tasks.values()) {
    if (!task.tags.some((ref) => ref.id === id)) continue;
    tasks.set(task.id, { ...task, tags: task.tags.map((ref) => (ref.id === id ? { ...ref, ...fields } : ref)) });
  }
}

/**
 * @param {string} id
 * @param {Map<string, Task>} tasks
 * @param {Map<string, Tag>} tags
 */
function deleteTag(id, tasks, tags) {
  tags.delete(id);
  for (const task of tasks.values()) {
    if (task.tags.some((ref) => ref.id === id)) {
      tasks.set(task.id, { ...task, tags: task.tags.filter((ref) => ref.id !== id) });
    }
  }
}
