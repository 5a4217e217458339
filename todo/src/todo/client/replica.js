/** This tab's copy of what is stored, and what is drawn of it. */

/** @import { Conflict, Held, Operation, Patch, Stored } from "./types.js" */

import * as drafts from "./drafts.js";
import { apply, typed } from "./operations.js";
import { update } from "./state.js";
import * as storage from "./storage.js";
import { tell } from "./tabs.js";

const STORE_AGAIN_MS = 2_000;

/** @type {Stored} */
const copy = { version: 0, session: null, since: null, tasks: new Map(), tags: new Map(), queue: [], held: [] };

/** Operations of this tab that are being stored. @type {Operation[]} */
let unconfirmed = [];
/** @type {Promise<void> | null} */
let reading = null;

/** The login, unless it is over. */
export const openSession = () => (copy.session?.is_over ? null : copy.session);

export const session = () => copy.session;

export const notStored = () => unconfirmed;

/** Reads everything that is stored. */
export function reload() {
  reading ??= storage.read().then(take).finally(() => (reading = null));
  return reading;
}

/** Stores a patch, and shows it in all tabs, if it is for the account that is logged in. */
export async function commit(/** @type {Patch} */ patch) {
  const version = await storage.commit(patch);
  if (version === null) return reload();
  receive(version, patch);
  tell({ kind: "patch", version, patch });
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
  const isStored = () => commit({ account, queued, settled }).then(() => true, () => false);
  while (!(await isStored())) await new Promise((next) => setTimeout(next, STORE_AGAIN_MS));
  unconfirmed = unconfirmed.filter((operation) => !queued.includes(operation));
  draw();
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
  Object.assign(copy, stored);
  draw();
}

function absorb(/** @type {Patch} */ patch) {
  if (patch.is_everything) {
    copy.tasks.clear();
    copy.tags.clear();
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
  const { session, since, held } = copy;
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
    conflicts: held.filter(({ reason }) => reason === "conflict").map(conflictOf),
    refusals: held.filter(({ reason }) => reason === "refusal"),
    login_over: session?.is_over ?? false,
  });
}

/** @type {(held: Held) => Conflict} */
const conflictOf = ({ operation }) =>
  ({ operation, mine: typed(operation), theirs: copy.tasks.get(operation.id ?? "") ?? null });
