/**
 * What was typed in the last milliseconds before a page was left. A page that goes away takes its
 * open transactions with it; this storage takes a text at once.
 */

import * as drafts from "./drafts.js";
import { randomUUID } from "./insecure.js";
import * as replica from "./replica.js";
import * as storage from "./storage.js";

const PREFIX = "todo late ";
const NAME = PREFIX + randomUUID();

export function keepLate() {
  addEventListener("pagehide", () => {
    const late = { operations: replica.notStored(), drafts: drafts.notStored() };
    if (late.operations.length + late.drafts.length > 0) localStorage.setItem(NAME, JSON.stringify(late));
  });
  // The page came back, and goes on storing it.
  addEventListener("pageshow", () => localStorage.removeItem(NAME));
}

/** Stores what pages have left behind; two tabs may do it at once. */
export async function storeLate() {
  const names = Object.keys(localStorage).filter((name) => name.startsWith(PREFIX));
  for (const { operations = [], drafts = [] } of names.map((name) => JSON.parse(localStorage.getItem(name) ?? "{}"))) {
    for (const operation of operations) await storage.commit({ account: operation.account, queued: [operation] });
    for (const draft of drafts) await storage.putDraft(draft);
  }
  for (const name of names) localStorage.removeItem(name);
}
