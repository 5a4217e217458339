/** This tab's copy of what is stored, and what is drawn of it. */

/** @import { Conflict, Held, Operation, Patch, Refusal, Session, Stored, Tag, Task } from "./types.js" */

import * as drafts from "./drafts.js";
import { apply, typed } from "./operations.js";
import { update } from "./state.js";
import * as storage from "./storage.js";
import { tell } from "./tabs.js";

const STORE_AGAIN_MS = 2_000;

const copy = {
  version: 0,
  /** @type {Session | null} */
  session: null,
  /** @type {string | null} */
  since: null,
  /** @type {Map<string, Task>} */
  tasks: new Map(),
  /** @type {Map<string, Tag>} */
  tags: new Map(),
  /** @type {Operation[]} */
  queue: [],
  /** @type {Held[]} */
  held: [],
};

/** Operations of this tab that are being stored. @type {Operation[]} */
let unconfirmed = [];
/** @type {Promise<void> | null} */
let reading = null;

/** The login, unless it is over. */
export function openSession() {
  return copy.session?.is_over ? null : copy.session;
}

export function session() {
  return copy.session;
}

export function notStored() {
  return unconfirmed;
}

/** Reads everything that is stored. */
export function reload() {
  reading ??= storage
    .read()
    .then(take)
    .finally(() => (reading = null));
  return reading;
}

/**
 * Stores a patch, and shows it in all tabs.
 * @returns {Promise<boolean>} whether it was for the account that is logged in
 */
export async function commit(/** @type {Patch} */ patch) {
  const version = await storage.commit(patch);
  if (version === null) {
    await reload();
    return false;
  }
  receive(version, patch);
  tell({ kind: "patch", version, patch });
  return true;
}

/**
 * Shows operations at once, and stores them.
 * @param {Operation[]} queued
 * @param {string[]} [settled]
 */
export async function enqueue(queued, settled) {
  const account = copy.session?.account.id;
  if (!account) return;
  unconfirmed = [...unconfirmed, ...queued];
  draw();
  // A full disk keeps it waiting in this tab.
  while (!(await isStored({ account, queued, settled }))) {
    await new Promise((next) => setTimeout(next, STORE_AGAIN_MS));
  }
  unconfirmed = unconfirmed.filter((operation) => !queued.includes(operation));
  draw();
}

async function isStored(/** @type {Patch} */ patch) {
  try {
    await commit(patch);
    return true;
  } catch {
    return false;
  }
}

export function receive(/** @type {number} */ version, /** @type {Patch} */ patch) {
  // A tab that reads now may have read from before it.
  if (reading) void reading.then(() => receive(version, patch));
  else if (version > copy.version + 1) void reload();
  else if (version === copy.version + 1) {
    absorb(patch);
    copy.version = version;
    draw();
  }
}

async function take(/** @type {Stored} */ stored) {
  await drafts.open(stored.session?.account.id ?? "");
  if (stored.version < copy.version) return;
  const { version, session, since, queue, held } = stored;
  Object.assign(copy, { version, session, since, queue, held });
  copy.tasks = byId(stored.tasks);
  copy.tags = byId(stored.tags);
  draw();
}

function absorb(/** @type {Patch} */ patch) {
  if (patch.is_everything) {
    copy.tasks = new Map();
    copy.tags = new Map();
  }
  for (const task of patch.tasks ?? []) copy.tasks.set(task.id, task);
  for (const tag of patch.tags ?? []) copy.tags.set(tag.id, tag);
  for (const id of patch.deleted_task_ids ?? []) copy.tasks.delete(id);
  for (const id of patch.deleted_tag_ids ?? []) copy.tags.delete(id);
  copy.session = patch.session ?? copy.session;
  copy.since = patch.since ?? copy.since;
  const sent = new Set(patch.sent);
  copy.queue = [...copy.queue, ...(patch.queued ?? [])].filter(({ key }) => !sent.has(key));
  const settled = new Set(patch.settled);
  copy.held = [...copy.held, ...(patch.held ?? [])].filter(({ operation }) => !settled.has(operation.key));
}

function draw() {
  const { session, since } = copy;
  const tasks = new Map(copy.tasks);
  const tags = new Map(copy.tags);
  const stored = new Set(copy.queue.map(({ key }) => key));
  const mine = unconfirmed.filter(({ key, account }) => !stored.has(key) && account === session?.account.id);
  const queue = [...copy.queue, ...mine];
  for (const operation of queue) apply(operation, tasks, tags);
  update({
    phase: session ? "in" : "out",
    account: session?.account ?? null,
    tasks,
    tags,
    loaded: since !== null,
    queued: queue.length,
    unsent: new Set(queue.flatMap(({ id, body }) => id ?? /** @type {any} */ (body).ids)),
    conflicts: copy.held.filter(({ reason }) => reason === "conflict").map(conflictOf),
    refusals: copy.held.filter(({ reason }) => reason === "refusal").map(refusalOf),
    login_over: session?.is_over ?? false,
  });
}

/** @returns {Conflict} */
function conflictOf(/** @type {Held} */ { operation }) {
  return { operation, mine: typed(operation), theirs: copy.tasks.get(operation.id ?? "") ?? null };
}

/** @returns {Refusal} */
function refusalOf(/** @type {Held} */ { operation, title, detail }) {
  return { operation, title, detail };
}

/** @template {{ id: string }} T */
function byId(/** @type {T[]} */ rows) {
  return new Map(rows.map((row) => [row.id, row]));
}
