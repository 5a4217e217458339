/**
 * What is typed and not sent yet, kept over a reload, a closed tab and a killed browser.
 *
 * Each tab has its own, as two may type at once; a new tab takes over those of tabs that are gone.
 */

/** @import { Draft } from "./types.js" */

import { openTabs, randomUUID } from "./insecure.js";
import * as storage from "./storage.js";

const PREFIX = "todo tab ";
const TAB = "todo tab";

// A duplicated tab gets a copy of this storage: there is nothing in it while its first tab is open.
const tab = sessionStorage.getItem(TAB) ?? randomUUID();
sessionStorage.removeItem(TAB);
addEventListener("pagehide", () => sessionStorage.setItem(TAB, tab));
addEventListener("pageshow", () => sessionStorage.removeItem(TAB));
void navigator.locks?.request(PREFIX + tab, () => new Promise(() => {}));

/** @type {string | null} */
let account = null;
/** @type {Map<string, Record<string, string>>} */
let drafts = new Map();
/** What is being stored, by name. @type {Map<string, Draft>} */
let unconfirmed = new Map();

/** What was typed under this name, or null. */
export function read(/** @type {string} */ name) {
  return drafts.get(name) ?? null;
}

export function write(/** @type {string} */ name, /** @type {Record<string, string>} */ fields) {
  drafts.set(name, fields);
  void store(name, fields);
}

export function forget(/** @type {string} */ name) {
  if (drafts.delete(name)) void store(name, null);
}

export function notStored() {
  return [...unconfirmed.values()];
}

/** Reads the drafts of an account, and takes over those of tabs that are gone. */
export async function open(/** @type {string} */ owner) {
  if (account === owner) return;
  const others = await openTabs(PREFIX);
  const isMine = (/** @type {Draft} */ draft) => draft.tab === tab || !(others ?? new Set()).has(PREFIX + draft.tab);
  const found = await storage.adoptDrafts(owner, tab, isMine);
  account = owner;
  unconfirmed = new Map();
  drafts = new Map(found.map(({ name, fields }) => [name, fields ?? {}]));
}

async function store(/** @type {string} */ name, /** @type {Draft["fields"]} */ fields) {
  const draft = { account: account ?? "", tab, name, fields };
  unconfirmed.set(name, draft);
  await storage.putDraft(draft);
  if (unconfirmed.get(name) === draft) unconfirmed.delete(name);
}
