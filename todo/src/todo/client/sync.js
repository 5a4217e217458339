/** Reads what has changed on the server, from wherever. */

/** @import { Patch } from "./types.js" */

import { Unavailable } from "./api.js";
import { commit } from "./replica.js";
import { send } from "./session.js";
import * as storage from "./storage.js";

const MOST = 500;

/**
 * Only for the tab whose turn it is.
 * @throws {Unavailable}
 */
export async function readChanges(/** @type {string} */ account) {
  let since = await storage.since();
  /** What is listed from the start is stored at the end: until then nobody knows what to forget. */
  /** @type {Partial<Patch> | null} */
  let everything = since ? null : { is_everything: true, tasks: [], tags: [] };
  for (;;) {
    const query = new URLSearchParams({ limit: String(MOST), ...(since && { since }) });
    const { ok, status, body, problem } = await send("GET", `api/${account}/changes?${query}`, { account });
    if (status === 410) {
      since = null;
      everything = { is_everything: true, tasks: [], tags: [] };
      continue;
    }
    if (!ok) throw new Unavailable("unavailable", problem);
    const { tasks, tags, deleted_task_ids, deleted_tag_ids, next_since, has_more } = body;
    since = next_since;
    if (everything) {
      everything = merged(everything, body);
      if (!has_more) return void (await commit({ account, since: next_since, ...everything }));
    } else {
      await commit({ account, since: next_since, tasks, tags, deleted_task_ids, deleted_tag_ids });
      if (!has_more) return;
    }
  }
}

/**
 * @param {Partial<Patch>} everything
 * @param {Required<Pick<Patch, "tasks" | "tags" | "deleted_task_ids" | "deleted_tag_ids">>} page
 */
function merged({ tasks = [], tags = [], deleted_task_ids = [], deleted_tag_ids = [] }, page) {
  return {
    is_everything: true,
    tasks: [...tasks, ...page.tasks],
    tags: [...tags, ...page.tags],
    deleted_task_ids: [...deleted_task_ids, ...page.deleted_task_ids],
    deleted_tag_ids: [...deleted_tag_ids, ...page.deleted_tag_ids],
  };
}
