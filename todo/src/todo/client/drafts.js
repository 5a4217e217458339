/**
 * What is typed and not sent yet, kept over a reload, a closed tab and a killed browser.
 *
 * Each tab has its own, as two may type at once; a new tab takes over those of tabs that are gone.
 */

import { openTabs, randomUUID } from "./insecure.js";
import { database } from "./storage.js";

const PREFIX = "todo tab ";
const TAB = "todo tab";

/** @typedef {{ account: string; tab: string; name: string; fields: Record<string, string> }} Draft */

// A duplicated tab gets a copy of this storage: there is nothing in it while its first tab is open.
const tab = sessionStorage.getItem(TAB) ?? randomUUID();
sessionStorage.removeItem(TAB);
addEventListener("pagehide", () => sessionStorage.setItem(TAB, tab));
addEventListener("pageshow", () => sessionStorage.removeItem(TAB));

/** @type {Map<string, Record<string, string>>} */
let drafts = new Map();
let account = "";
/** Writes that are not stored yet, by name. @type {Map<string, Draft | null>} */
const unconfirmed = new Map();

/**
 * What was typed under this name, or null.
 * @param {string} name
 */
export function read(name) {
  return drafts.get(name) ?? null;
}

/**
 * @param {string} name
 * @param {Record<string, string>} fields
 */
export function write(name, fields) {
  drafts.set(name, fields);
  void store(name, { account, tab, name, fields });
}

/** @param {string} name */
export function forget(name) {
  if (drafts.delete(name)) void store(name, null);
}

/**
 * Reads the drafts of an account, and takes over those of tabs that are gone.
 * @param {string} owner
 */
export async function open(owner) {
  account = owner;
  void navigator.locks?.request(PREFIX + tab, () => new Promise(() => {}));
  const others = await openTabs(PREFIX);
  const tx = (await database()).transaction("drafts", "readwrite");
  drafts = new Map();
  /** @type {Draft[]} */
  const stored = await tx.store.index("account").getAll(owner);
  for (const draft of stored) {
    if (draft.tab !== tab && (others === null || others.has(PREFIX + draft.tab))) continue;
    if (draft.tab === tab || !drafts.has(draft.name)) drafts.set(draft.name, draft.fields);
    if (draft.tab === tab) continue;
    tx.store.delete([owner, draft.tab, draft.name]);
    tx.store.put({ ...draft, tab, fields: drafts.get(draft.name) });
  }
  await tx.done;
}

/**
 * @param {string} name
 * @param {Draft | null} draft
 */
async function store(name, draft) {
  unconfirmed.set(name, draft);
  const db = await database();
  if (draft) await db.put("drafts", draft);
  else await db.delete("drafts", [account, tab, name]);
  if (unconfirmed.get(name) === draft) unconfirmed.delete(name);
}
