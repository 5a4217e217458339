/**
 * What is stored in the browser (IndexedDB), for all tabs.
 *
 * Each change is one transaction that first looks who is logged in: a tab that has missed a login or
 * a logout can neither mix two accounts nor bring back what was cleared.
 */

/** @import { IDBPTransaction } from "./library/idb/index.js" */
/** @import { Draft, Operation, Patch, Session, Stored, Task } from "./types.js" */

import { openDB } from "./library/idb/index.js";

const SHARED = ["meta", "tasks", "tags", "queue", "held"];

const opened = openDB("todo", 1, {
  upgrade(db) {
    db.createObjectStore("meta");
    db.createObjectStore("tasks", { keyPath: "id" });
    db.createObjectStore("tags", { keyPath: "id" });
    const queue = db.createObjectStore("queue", { keyPath: "number", autoIncrement: true });
    queue.createIndex("key", "key", { unique: true });
    queue.createIndex("account", "account");
    const held = db.createObjectStore("held", { keyPath: "operation.key" });
    held.createIndex("account", "operation.account");
    const drafts = db.createObjectStore("drafts", { keyPath: ["account", "tab", "name"] });
    drafts.createIndex("account", "account");
  },
  // Another tab has a newer version of this page, or the person has cleared the browser's data.
  blocking: () => location.reload(),
  terminated: () => location.reload(),
});

/** @typedef {IDBPTransaction<unknown, string[], "readwrite">} Transaction */

/** @returns {Promise<Transaction>} */
async function begin(stores = SHARED) {
  // Typed text must outlive a power cut; the default only outlives the browser.
  return (await opened).transaction(stores, "readwrite", { durability: "strict" });
}

/** @returns {Promise<Stored>} */
export async function read() {
  const tx = (await opened).transaction(SHARED);
  const [version = 0, session = null, since = null, tasks, tags] = await Promise.all([
    tx.objectStore("meta").get("version"),
    tx.objectStore("meta").get("session"),
    tx.objectStore("meta").get("since"),
    tx.objectStore("tasks").getAll(),
    tx.objectStore("tags").getAll(),
  ]);
  const account = session?.account.id ?? "";
  const [queue, held] = await Promise.all([
    tx.objectStore("queue").index("account").getAll(account),
    tx.objectStore("held").index("account").getAll(account),
  ]);
  return { version, session, since, tasks: byId(tasks), tags: byId(tags), queue, held };
}

/** @type {<T extends { id: string }>(rows: T[]) => Map<string, T>} */
const byId = (rows) => new Map(rows.map((row) => [row.id, row]));

/**
 * Stores a patch.
 * @returns {Promise<number | null>} the version after it; null if it was for another account, of
 *   which only what was typed is kept, or if another tab has settled the same
 */
export async function commit(/** @type {Patch} */ patch) {
  const tx = await begin();
  const session = await tx.objectStore("meta").get("session");
  if (session?.account.id !== patch.account) {
    await add(tx, patch.queued);
    await tx.done;
    return null;
  }
  for (const key of patch.settled ?? []) {
    if ((await tx.objectStore("held").getKey(key)) === undefined) return null;
  }
  await put(tx, patch);
  return finish(tx);
}

/**
 * Stores the login of an account. What is stored of another one is forgotten, but for its queue,
 * which waits for it to log in again.
 */
export async function enter(/** @type {Session} */ session) {
  const tx = await begin();
  const meta = tx.objectStore("meta");
  const before = await meta.get("owner");
  if (before !== session.account.id) await forget(tx);
  meta.put(session.account.id, "owner");
  meta.put(session, "session");
  await finish(tx);
}

/** Clears everything of an account. */
export async function leave(/** @type {string} */ account) {
  const tx = await begin([...SHARED, "drafts"]);
  await forget(tx);
  for (const name of ["session", "owner"]) tx.objectStore("meta").delete(name);
  for (const name of ["queue", "held", "drafts"]) {
    const store = tx.objectStore(name);
    const keys = await store.index("account").getAllKeys(account);
    for (const key of keys) store.delete(key);
  }
  await finish(tx);
}

/** @returns {Promise<Operation | undefined>} what is to be sent next */
export async function firstOperation(/** @type {string} */ account) {
  const tx = (await opened).transaction(SHARED);
  return (await tx.objectStore("queue").index("account").openCursor(account))?.value;
}

/** @returns {Promise<Operation[]>} what was done to the same object later */
export async function laterOperations(/** @type {Operation} */ { account, id, number = 0 }) {
  const tx = (await opened).transaction(SHARED);
  /** @type {Operation[]} */
  const all = await tx.objectStore("queue").index("account").getAll(account);
  return all.filter((operation) => operation.id === id && Number(operation.number) > number);
}

/** The task as the server had it last. @type {(id: string) => Promise<Task | undefined>} */
export const task = async (id) => (await opened).get("tasks", id);

/** @type {() => Promise<Session | null>} */
export const session = async () => (await (await opened).get("meta", "session")) ?? null;

/** @type {() => Promise<string | null>} */
export const since = async () => (await (await opened).get("meta", "since")) ?? null;

/**
 * @param {Draft} draft forgotten if it has no fields, or if its account is not logged in any more
 */
export async function putDraft(draft) {
  const tx = await begin(["meta", "drafts"]);
  const session = await tx.objectStore("meta").get("session");
  const drafts = tx.objectStore("drafts");
  const isOurs = (session?.account.id ?? "") === draft.account;
  if (isOurs && draft.fields) drafts.put(draft);
  else drafts.delete([draft.account, draft.tab, draft.name]);
  await tx.done;
}

/**
 * Gives drafts to a tab; of two with one name it keeps its own.
 * @param {string} account
 * @param {string} tab
 * @param {(draft: Draft) => boolean} isMine
 * @returns {Promise<Draft[]>}
 */
export async function adoptDrafts(account, tab, isMine) {
  const tx = await begin(["drafts"]);
  const store = tx.objectStore("drafts");
  /** @type {Draft[]} */
  const all = await store.index("account").getAll(account);
  /** @type {Map<string, Draft>} */
  const adopted = new Map();
  for (const draft of all.filter(isMine)) {
    store.delete([account, draft.tab, draft.name]);
    if (draft.tab === tab || !adopted.has(draft.name)) adopted.set(draft.name, { ...draft, tab });
  }
  for (const draft of adopted.values()) store.put(draft);
  await tx.done;
  return [...adopted.values()];
}

async function put(/** @type {Transaction} */ tx, /** @type {Patch} */ patch) {
  const [tasks, tags, meta] = ["tasks", "tags", "meta"].map((name) => tx.objectStore(name));
  if (patch.is_everything) await Promise.all([tasks.clear(), tags.clear()]);
  for (const task of patch.tasks ?? []) tasks.put(task);
  for (const tag of patch.tags ?? []) tags.put(tag);
  for (const id of patch.deleted_task_ids ?? []) tasks.delete(id);
  for (const id of patch.deleted_tag_ids ?? []) tags.delete(id);
  if (patch.session) meta.put(patch.session, "session");
  if (patch.since) meta.put(patch.since, "since");
  await add(tx, patch.queued);
  const queue = tx.objectStore("queue");
  for (const key of patch.sent ?? []) {
    const number = await queue.index("key").getKey(key);
    if (number !== undefined) await queue.delete(number);
  }
  const held = tx.objectStore("held");
  for (const one of patch.held ?? []) held.put(one);
  for (const key of patch.settled ?? []) held.delete(key);
}

/** @param {Operation[]} [operations] get their number */
async function add(/** @type {Transaction} */ tx, operations = []) {
  const queue = tx.objectStore("queue");
  for (const operation of operations) {
    const known = await queue.index("key").getKey(operation.key);
    operation.number = Number(known ?? (await queue.add(operation)));
  }
}

/** Counts the change, and waits until it is stored. */
async function finish(/** @type {Transaction} */ tx) {
  const meta = tx.objectStore("meta");
  const version = ((await meta.get("version")) ?? 0) + 1;
  meta.put(version, "version");
  await tx.done;
  return version;
}

async function forget(/** @type {Transaction} */ tx) {
  await Promise.all([tx.objectStore("tasks").clear(), tx.objectStore("tags").clear()]);
  await tx.objectStore("meta").delete("since");
}
