/** Sends what is queued, in order, each until the server has taken or refused it. */

/** @import { Held, Operation, Patch, Reply, Tag, Task } from "./types.js" */

import { Unavailable } from "./api.js";
import { apply, rebased } from "./operations.js";
import { commit } from "./replica.js";
import { send } from "./session.js";
import * as storage from "./storage.js";

const MOST_CRASHES = 3;
/** How often the server crashed on an operation: whatever it is, the others must not wait for it. */
const crashes = new Map();

/**
 * Sends all of an account's operations. Only for the tab whose turn it is.
 * @returns {Promise<boolean>} whether changes must be read now to know what they did
 * @throws {Unavailable} The rest has to wait.
 */
export async function sendAll(/** @type {string} */ account) {
  let isStale = false;
  for (;;) {
    const operation = await storage.firstOperation(account);
    if (!operation) return isStale;
    isStale ||= hasWideEffect(operation);
    const patch = await sent(operation);
    await commit({ account, sent: [operation.key], ...patch });
    crashes.delete(operation.key);
  }
}

/** @returns {Promise<Partial<Patch>>} what to store now that it is done */
async function sent(/** @type {Operation} */ operation) {
  const { account, kind, id = "" } = operation;
  if (kind !== "change" && kind !== "delete") return outcome(operation, await request(operation));
  for (;;) {
    const theirs = await storage.task(id);
    if (!theirs) return kind === "delete" ? {} : held(operation, "conflict");
    const body = rebased(operation, theirs);
    if (body === "conflict") return held(operation, "conflict");
    if (kind === "change" && Object.keys(body).length === 0) return {};
    const reply = await request(operation, body, { "If-Match": theirs.etag });
    if (reply.status !== 412) return outcome(operation, reply);
    await commit({ account, ...(await present(operation)) });
  }
}

/**
 * Reads what the server has now of a task or a tag.
 * @returns {Promise<Partial<Patch>>}
 */
async function present(/** @type {Operation} */ { account, kind, id = "" }) {
  const isTag = kind.endsWith("-tag");
  const reply = await send("GET", `api/${account}/${isTag ? "tags" : "tasks"}/${id}`, { account });
  if (reply.ok) return isTag ? { tags: [reply.body] } : { tasks: [reply.body] };
  if (reply.status === 404) return isTag ? { deleted_tag_ids: [id] } : { deleted_task_ids: [id] };
  throw new Unavailable("unavailable", reply.problem);
}

/**
 * @param {Operation} operation
 * @param {unknown} [body]
 * @param {Record<string, string>} [condition]
 * @returns {Promise<Reply>}
 */
function request({ account, kind, id, key, body: queued }, body = queued, condition = {}) {
  const [method, path] = {
    create: ["POST", "tasks"],
    change: ["PATCH", `tasks/${id}`],
    complete: ["PATCH", `tasks/${id}/complete`],
    delete: ["DELETE", `tasks/${id}`],
    restore: ["POST", `tasks/${id}/restore`],
    move: ["PATCH", `tasks/${id}/position`],
    bulk: ["POST", "tasks/bulk"],
    "create-tag": ["POST", "tags"],
    "change-tag": ["PATCH", `tags/${id}`],
    "delete-tag": ["DELETE", `tags/${id}`],
  }[kind];
  const headers = method === "POST" ? { "Idempotency-Key": key } : condition;
  return send(String(method), `api/${account}/${path}`, { account, headers, ...(method !== "DELETE" && { body }) });
}

/**
 * @param {Operation} operation
 * @param {Reply} reply
 * @returns {Promise<Partial<Patch>> | Partial<Patch>}
 */
function outcome(operation, { ok, status, body, problem }) {
  const { kind, id = "" } = operation;
  if (ok) return effect(operation, body);
  // The server has it already: the response was lost, and its key is forgotten by now.
  if (problem.type === "urn:todo:id-taken") return present(operation);
  if (problem.type === "urn:todo:tag-name-taken" && kind === "create-tag") return {};
  if (problem.type === "urn:todo:tag-not-found") return { deleted_tag_ids: [id] };
  if (problem.type === "urn:todo:other-task-not-found") return {};
  if (problem.type === "urn:todo:task-not-found") {
    const isTyped = kind === "change" || kind === "restore";
    return isTyped ? held(operation, "conflict", { deleted_task_ids: [id] }) : { deleted_task_ids: [id] };
  }
  if (isToBeTriedAgain(operation, status, problem.type)) throw new Unavailable("unavailable", problem);
  const detail = problem.errors[0]?.message ?? problem.detail;
  return held(operation, "refusal", {}, problem.title, detail);
}

/**
 * @param {Operation} operation
 * @param {number} status
 * @param {string} type
 */
function isToBeTriedAgain({ key }, status, type) {
  if (type === "urn:todo:idempotency-key-in-use" || type === "urn:todo:not-your-path") return true;
  if (status < 500) return false;
  crashes.set(key, (crashes.get(key) ?? 0) + 1);
  return crashes.get(key) < MOST_CRASHES;
}

/**
 * What the server has now, as far as its response says; `changes` say the rest.
 * @returns {Promise<Partial<Patch>>}
 */
async function effect(/** @type {Operation} */ operation, /** @type {any} */ body) {
  const { id = "", kind } = operation;
  if (kind === "create-tag" || kind === "change-tag") return { tags: [body] };
  if (kind === "delete") return { deleted_task_ids: [id] };
  const { tasks, tags } = await storage.read();
  if (body?.id) return { tasks: [body], tags: unknownTags(body, tags) };
  const after = new Map(tasks);
  apply(operation, after, tags);
  for (const missing of body?.not_found ?? []) after.delete(missing);
  return {
    tasks: [...after.values()].filter((task) => tasks.get(task.id) !== task),
    deleted_task_ids: [...tasks.keys()].filter((each) => !after.has(each)),
    deleted_tag_ids: kind === "delete-tag" ? [id] : [],
  };
}

/** Tags that were created with it. @type {(task: Task, known: Map<string, Tag>) => Tag[]} */
function unknownTags({ tags, created_at, updated_at }, known) {
  const unknown = tags.filter(({ id }) => !known.has(id));
  return unknown.map((tag) => ({ ...tag, created_at, updated_at, etag: "" }));
}

function hasWideEffect(/** @type {Operation} */ { kind, body }) {
  if (kind === "create" || kind === "change") return Boolean(/** @type {any} */ (body).tags?.length);
  return ["bulk", "restore", "create-tag", "change-tag", "delete-tag"].includes(kind);
}

/**
 * Keeps an operation for the person, with all that was typed into the same task later.
 * @param {Operation} operation
 * @param {Held["reason"]} reason
 * @param {Partial<Patch>} patch
 * @returns {Promise<Partial<Patch>>}
 */
async function held(operation, reason, patch = {}, title = "", detail = "") {
  const later = await storage.laterOperations(operation);
  const changes = later.filter(({ kind }) => kind === "change");
  const isUndone = operation.kind === "delete" && later.some(({ kind }) => kind === "restore");
  const body = operation.body && Object.assign({}, operation.body, ...changes.map((change) => change.body));
  const merged = { ...operation, body };
  const folded = operation.kind === "create" ? later : changes;
  return {
    ...patch,
    sent: [operation, ...(operation.kind === "delete" ? [] : folded)].map(({ key }) => key),
    held: isUndone ? [] : [{ operation: merged, reason, title, detail }],
  };
}
