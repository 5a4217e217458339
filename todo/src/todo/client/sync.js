/** Reads what has changed on the server, from wherever. */

/** @import { Patch } from "./types.js" */

import { Unavailable } from "./api.js";
import { commit } from "./replica.js";
import { send } from "./session.js";
import * as storage from "./storage.js";

const MOST = 500;
const LISTS = /** @type {const} */ (["tasks", "tags", "deleted_task_ids", "deleted_tag_ids"]);

/** @typedef {Required<Pick<Patch, typeof LISTS[number]>>} Page */

/**
 * Only for the tab whose turn it is.
 * @throws {Unavailable}
 */
export async function readChanges(/** @type {string} */ account) {
  let since = await storage.since();
  let is_everything = since === null;
  /** What is listed from the start is stored at the end: until then nobody knows what to forget. @type {Page[]} */
  let pages = [];
  for (;;) {
    const query = new URLSearchParams({ limit: String(MOST), ...(since && { since }) });
    const { ok, status, body, problem } = await send("GET", `api/${account}/changes?${query}`, { account });
    if (status === 410) {
      [since, is_everything, pages] = [null, true, []];
      continue;
    }
    if (!ok) throw new Unavailable("unavailable", problem);
    since = body.next_since;
    pages.push(body);
    if (is_everything && body.has_more) continue;
    await commit({ account, since: body.next_since, is_everything, ...merged(pages) });
    if (!body.has_more) return;
    pages = [];
  }
}

const merged = (/** @type {Page[]} */ pages) =>
  /** @type {Page} */ (Object.fromEntries(LISTS.map((name) => [name, pages.flatMap((page) => /** @type {any[]} */ (page[name]))])));
