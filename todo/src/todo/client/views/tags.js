/** The dialog in which tags are made, renamed, coloured and deleted. */
import { html, nothing } from "../library/lit-html/lit-html.js";
import { live } from "../library/lit-html/directives/live.js";
import { changeTag, changeTask, createTag, deleteTag } from "../actions.js";
import { notify } from "../commands.js";
import { text } from "../messages.js";
import { current } from "../state.js";
import { dialog } from "./dialog.js";
import { iconButton } from "./icon.js";
import { sortedTags } from "./sidebar.js";

/** @typedef {import("../types").Tag} Tag */

const COLORS = ["#2563eb", "#0f9d8a", "#3f9142", "#c28a00", "#d9682b", "#d1453b", "#c0398f", "#7a52cc"];

export function tagEditor() {
  const tags = sortedTags();
  return dialog(text.edit_tags, html`
    ${tags.length === 0 ? html`<p class="hint">${text.no_tags}</p>` : nothing}
    <ul role="list">${tags.map(tagRow)}</ul>
    <form class="tag-row" @submit=${create}>
      <input type="color" name="color" .defaultValue=${COLORS[tags.length % COLORS.length]}
        aria-label=${text.tag_color}>
      <input name="name" required maxlength="50" pattern=".*\\S.*" autocomplete="off"
        placeholder=${text.new_tag} aria-label=${text.new_tag}>
      <button class="primary">${text.add_button}</button>
    </form>`);
}

/** @param {Tag} tag */
const tagRow = (tag) => html`
  <li class="tag-row">
    <input type="color" aria-label=${text.color_of(tag.name)} .value=${live(tag.color)}
      @change=${(/** @type {Event} */ event) => changeTag(tag.id, { color: valueOf(event) })}>
    <input maxlength="50" autocomplete="off" aria-label=${text.name_of(tag.name)} .value=${tag.name}
      @change=${(/** @type {Event} */ event) => rename(event, tag)}>
    ${iconButton("trash", text.delete_tag(tag.name), () => remove(tag))}
  </li>`;

/** @param {Event} event */
const valueOf = (event) => /** @type {HTMLInputElement} */ (event.target).value;

/** @param {Event} event @param {Tag} tag */
function rename(event, tag) {
  const name = valueOf(event).trim();
  if (name && !isTaken(name, tag.id)) changeTag(tag.id, { name });
  else /** @type {HTMLInputElement} */ (event.target).value = tag.name;
}

/** @param {string} name @param {string} [except] The id of the tag that may have it. */
const isTaken = (name, except) =>
  sortedTags().some((tag) => tag.id !== except && tag.name.toLowerCase() === name.toLowerCase());

/** @param {SubmitEvent} event */
function create(event) {
  event.preventDefault();
  const form = /** @type {HTMLFormElement} */ (event.currentTarget);
  const values = new FormData(form);
  const name = String(values.get("name")).trim();
  if (!isTaken(name)) createTag(name, String(values.get("color")));
  form.reset();
}

/** @param {Tag} tag */
function remove(tag) {
  const carriers = [...current().tasks.values()].filter(({ tags }) => tags.some(({ id }) => id === tag.id));
  deleteTag(tag.id);
  notify(text.tag_deleted, () => bringBack(tag, carriers.map(({ id }) => id)));
}

/** @param {Tag} tag @param {string[]} ids The tasks that carried it. */
function bringBack({ name, color }, ids) {
  createTag(name, color);
  for (const id of ids) {
    const task = current().tasks.get(id);
    if (task) changeTask(id, { tags: [...task.tags.map((each) => each.name), name] });
  }
}
