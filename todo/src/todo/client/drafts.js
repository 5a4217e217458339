/**
 * What is typed and not sent yet, kept over a reload, a closed tab and a killed browser.
 *
 * Each tab has its own, as two may type at once; a new tab takes over those of tabs that are gone.
 */

/** @import { Draft, DraftsModule } from "./types.js" */

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
/** @type {Map<string, Draft["fields"]>} */
let drafts = new Map();
/** What is being stored, by name. @type {Map<string, Draft>} */
let unconfirmed = new Map();

/** What was typed under this name, or null. @type {DraftsModule["read"]} */
export const read = (name) => drafts.get(name) ?? null;

/** Keeps it at once, and stores it. @type {DraftsModule["write"]} */
export async function write(name, fields) {
  if (fields === read(name)) return;
  const draft = { account: account ?? "", tab, name, fields };
  drafts.set(name, fields);
  unconfirmed.set(name, draft);
  await storage.putDraft(draft);
  if (unconfirmed.get(name) === draft) unconfirmed.delete(name);
}

export const notStored = () => [...unconfirmed.values()];

/** Reads the drafts of an account, and takes over those of tabs that are gone. */
export async function open(/** @type {string} */ owner) {
  if (account === owner) return;
  const others = await openTabs(PREFIX);
  const isMine = (/** @type {Draft} */ draft) => draft.tab === tab || !others.has(PREFIX + draft.tab);
  const found = await storage.adoptDrafts(owner, tab, isMine);
  account = owner;
  unconfirmed = new Map();
  drafts = new Map(found.map(({ name, fields }) => [name, fields]));
}
