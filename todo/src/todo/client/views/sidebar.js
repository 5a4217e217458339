/** The views and tags with their counts: next to the list, or in a drawer on small screens. */
import { html } from "../library/lit-html/lit-html.js";
import { text } from "../messages.js";
import { counts, VIEWS } from "../select.js";
import { current } from "../state.js";
import { change, closeDialog, ui } from "../ui.js";
import { brand } from "./entry.js";
import { icon, iconButton } from "./icon.js";
import { dot } from "./row.js";

/** @typedef {import("../types").Filter} Filter */

const collator = new Intl.Collator(navigator.languages.slice(), { numeric: true });

export const sortedTags = () =>
  [...current().tags.values()].sort((one, other) => collator.compare(one.name, other.name));

/** @param {Filter["view"]} view */
const hashOf = (view) => (typeof view === "object" ? `#/tag/${view.tag}` : `#/${view}`);

/** The view that the address names. @returns {Filter["view"]} */
export function viewInAddress() {
  const [, name, tag] = location.hash.split("/");
  if (name === "tag" && tag) return { tag };
  return VIEWS.find((view) => view === name) ?? "all";
}

/** What the present view is called. */
export function titleOfView() {
  const { view } = ui.filter;
  return typeof view === "object" ? (current().tags.get(view.tag)?.name ?? text.tags) : text.views[view];
}

export function sidebar() {
  const count = counts(current(), new Date());
  return html`
    ${brand(28)}
    <ul role="list">
      ${VIEWS.map((view) =>
        link(view, text.views[view], icon(view), count[view], view === "today" && count.overdue > 0))}
    </ul>
    <div class="heading">
      <h2>${text.tags}</h2>
      ${iconButton("edit", text.edit_tags, () => open("tags"))}
    </div>
    <ul role="list">
      ${sortedTags().map(({ id, name, color }) => link({ tag: id }, name, dot(color), count.tags.get(id) ?? 0))}
    </ul>
    <div class="foot">
      <button @click=${() => open("account")}>${icon("person")}<span class="words">${name()}</span></button>
      ${iconButton("help", text.help, () => open("help"))}
    </div>`;
}

const name = () => current().account?.name ?? current().account?.email ?? text.account;

/** @param {import("./types").DialogName} dialog */
function open(dialog) {
  closeDialog();
  // The drawer's own event comes first.
  setTimeout(() => change({ dialog }));
}

/**
 * @param {Filter["view"]} view
 * @param {string} words
 * @param {unknown} mark
 * @param {number} count
 * @param {boolean} isLate
 */
function link(view, words, mark, count, isLate = false) {
  const isCurrent = hashOf(view) === hashOf(ui.filter.view);
  return html`
    <li><a href=${hashOf(view)} aria-current=${isCurrent ? "page" : "false"} @click=${closeDialog}
      >${mark}<span class="words">${words}</span><span class="count ${isLate ? "late" : ""}"
      >${count || ""}</span></a></li>`;
}
