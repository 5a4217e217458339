/** What an operation changes, and what is left of it when someone else has changed the same. */

/** @import { Operation, Tag, TagRef, Task, TaskFields } from "./types.js" */

import { positionBetween } from "./positions.js";

const DEFAULT_COLOR = "#6b7280";
/** @type {(keyof TaskFields)[]} */
const FIELDS = ["title", "description", "priority", "due_date", "tags"];

/**
 * Changes the tasks and tags as the server will.
 * @type {(operation: Operation, tasks: Map<string, Task>, tags: Map<string, Tag>) => void}
 */
export function apply(operation, tasks, tags) {
  const { kind, id = "", base, at } = operation;
  const body = /** @type {any} */ (operation.body);
  const task = tasks.get(id);
  if (kind === "create" && !task) tasks.set(id, written(newTask(id, at, tasks), body, tags));
  else if (kind === "restore" && !task) tasks.set(id, /** @type {Task} */ (base));
  else if (kind === "change" && task) tasks.set(id, written(task, body, tags));
  else if (kind === "complete" && task && task.completed !== body.completed)
    tasks.set(id, { ...task, completed: body.completed, completed_at: body.completed ? at : null });
  else if (kind === "delete") tasks.delete(id);
  else if (kind === "move" && task) tasks.set(id, { ...task, position: moved(task, body, tasks) });
  else if (kind === "bulk") for (const place of body.ids.keys()) apply(oneOf(operation, place), tasks, tags);
  else if (kind === "create-tag" && !tagNamed(body.name, tags))
    tags.set(id, { ...body, created_at: at, updated_at: at, etag: "" });
  else if (kind === "change-tag") changeTag(id, body, tasks, tags);
  else if (kind === "delete-tag") changeTag(id, null, tasks, tags);
}

/**
 * What is left of a change when someone else has changed the task, too: nothing if it is as it should be.
 * @type {(operation: Operation, theirs: Task) => Partial<TaskFields> | "conflict"}
 */
export function rebased({ kind, body, base }, theirs) {
  const before = fieldsOf(/** @type {Task} */ (base));
  const now = fieldsOf(theirs);
  if (kind === "delete") return FIELDS.every((field) => isSame(before[field], now[field])) ? {} : "conflict";
  const mine = { .../** @type {Partial<TaskFields>} */ (body) };
  if (mine.tags) mine.tags = merged(before.tags, mine.tags, now.tags);
  for (const field of FIELDS) {
    if (mine[field] === undefined) continue;
    if (isSame(mine[field], now[field])) delete mine[field];
    else if (field !== "tags" && !isSame(before[field], now[field])) return "conflict";
  }
  return mine;
}

/** What the person wrote, to be shown or sent again. @type {(operation: Operation) => Partial<TaskFields>} */
export function typed({ kind, body, base }) {
  if (kind === "change" || kind === "create") return /** @type {Partial<TaskFields>} */ (body);
  return kind === "restore" ? fieldsOf(/** @type {Task} */ (base)) : {};
}

/** @type {(task: Task) => TaskFields} */
export function fieldsOf({ title, description, priority, due_date, tags }) {
  return { title, description, priority, due_date, tags: tags.map(({ name }) => name) };
}

/** The form in which two spellings of a tag's name are equal. */
const fold = (/** @type {string} */ name) => name.normalize("NFC").toLowerCase();

/** Whether two values of a field are the same; moments and names can be spelled in several ways. */
const isSame = (/** @type {unknown} */ one, /** @type {unknown} */ other) => spelled(one) === spelled(other);

function spelled(/** @type {unknown} */ value) {
  if (Array.isArray(value)) return value.map(fold).sort().join("\n");
  const isMoment = typeof value === "string" && /^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(value);
  return isMoment ? Date.parse(value) || value : value;
}

/**
 * Theirs, with what I added and without what I took away.
 * @type {(before: string[], mine: string[], theirs: string[]) => string[]}
 */
function merged(before, mine, theirs) {
  const [had, wanted, there] = [before, mine, theirs].map((names) => new Set(names.map(fold)));
  const kept = theirs.filter((name) => wanted?.has(fold(name)) || !had?.has(fold(name)));
  return [...kept, ...mine.filter((name) => !had?.has(fold(name)) && !there?.has(fold(name)))];
}

export function tagNamed(/** @type {string} */ name, /** @type {ReadonlyMap<string, Tag>} */ tags) {
  return [...tags.values()].find((tag) => fold(tag.name) === fold(name));
}

/** @type {(id: string, at: string, tasks: Map<string, Task>) => Task} */
function newTask(id, at, tasks) {
  let last = null;
  for (const { position } of tasks.values()) if (last === null || position > last) last = position;
  return {
    id, title: "", description: null, priority: "medium", due_date: null, completed: false, completed_at: null,
    tags: [], position: positionBetween(last, null), created_at: at, updated_at: at, etag: "",
  };
}

/**
 * `tags` gets those that are missing.
 * @type {(task: Task, fields: Partial<TaskFields>, tags: Map<string, Tag>) => Task}
 */
function written(task, { tags: names, ...fields }, tags) {
  const refs = names?.map((name) => refTo(name, tags)) ?? task.tags;
  const given = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
  const tagsInOrder = [...refs].sort((one, other) => (fold(one.name) < fold(other.name) ? -1 : 1));
  return { ...task, ...given, tags: tagsInOrder };
}

/** @type {(name: string, tags: Map<string, Tag>) => TagRef} */
function refTo(name, tags) {
  const made = { id: `new ${fold(name)}`, name, color: DEFAULT_COLOR };
  const tag = tagNamed(name, tags) ?? { ...made, created_at: "", updated_at: "", etag: "" };
  tags.set(tag.id, tag);
  return { id: tag.id, name: tag.name, color: tag.color };
}

/** What a bulk operation does to the task at this place. @type {(bulk: Operation, place: number) => Operation} */
function oneOf(bulk, place) {
  const { action, ids } = /** @type {any} */ (bulk.body);
  const kind = action === "reopen" ? "complete" : action;
  return { ...bulk, kind, id: ids[place], base: bulk.bases?.[place], body: { completed: action === "complete" } };
}

/** @type {(task: Task, move: any, tasks: Map<string, Task>) => string} */
function moved(task, { before, after, to }, tasks) {
  const order = [...tasks.values()].flatMap(({ id, position }) => (id === task.id ? [] : [position])).sort();
  const anchor = order.indexOf(tasks.get(before ?? after)?.position ?? "");
  if (!to && anchor < 0) return task.position;
  const place = to ? (to === "first" ? 0 : order.length) : anchor + (after ? 1 : 0);
  return positionBetween(order[place - 1] ?? null, order[place] ?? null);
}

/**
 * Changes a tag wherever it is; without fields it is deleted.
 * @type {(id: string, fields: Partial<TagRef> | null, tasks: Map<string, Task>, tags: Map<string, Tag>) => void}
 */
function changeTag(id, fields, tasks, tags) {
  const tag = tags.get(id);
  if (tag && fields) tags.set(id, { ...tag, ...fields });
  else tags.delete(id);
  for (const task of tasks.values()) {
    if (!task.tags.some((ref) => ref.id === id)) continue;
    const refs = task.tags.flatMap((ref) => (ref.id !== id ? [ref] : fields ? [{ ...ref, ...fields }] : []));
    tasks.set(task.id, { ...task, tags: refs });
  }
}
