/** One statement in full, and its plan on request. */

/** @import { Statement } from "./types.js" */

import { fill, find } from "./rows.js";
import { planOf } from "./stream.js";

const dialog = /** @type {HTMLDialogElement} */ (find("statement"));
const explain = /** @type {HTMLButtonElement} */ (find("explain"));

let shown = { database: "", id: "" };

/**
 * @param {string} database its name
 * @param {Statement} statement
 * @param {Record<string, string>} texts
 * @param {boolean} plans
 */
export function showStatement(database, { id }, texts, plans) {
  shown = { database, id };
  fill(dialog, { ...texts, plan: "" });
  explain.hidden = !plans;
  find("plan").hidden = true;
  dialog.showModal();
}

explain.addEventListener("click", async () => {
  const asked = shown;
  explain.disabled = true;
  const plan = await planOf(asked.database, asked.id);
  explain.disabled = false;
  if (shown !== asked) return;
  fill(dialog, { plan });
  find("plan").hidden = false;
  find("plan").focus();
});
