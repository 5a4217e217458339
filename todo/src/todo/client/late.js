/**
 * What was typed in the last milliseconds before a page was left. A page that goes away takes its
 * open transactions with it; this storage takes a text at once.
 */

/** @import { Draft, Operation } from "./types.js" */

import { randomUUID } from "./insecure.js";

/** @typedef {{ operations: Operation[]; drafts: Draft[] }} Late */

const PREFIX = "todo late ";
const NAME = PREFIX + randomUUID();

/** @param {() => Late} notStored says what is not stored yet */
export function keepLate(notStored) {
  addEventListener("pagehide", () => {
    const { operations, drafts } = notStored();
    if (operations.length + drafts.length === 0) return;
    localStorage.setItem(NAME, JSON.stringify({ operations, drafts }));
  });
  // The page came back, and goes on storing it.
  addEventListener("pageshow", () => localStorage.removeItem(NAME));
}

/** @returns {Late[]} what pages have left behind; they are kept until `forgetLate` */
export function late() {
  return names().map((name) => JSON.parse(localStorage.getItem(name) ?? ""));
}

export function forgetLate() {
  for (const name of names()) localStorage.removeItem(name);
}

function names() {
  return Object.keys(localStorage).filter((name) => name.startsWith(PREFIX));
}
