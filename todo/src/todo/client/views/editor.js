/** Where a task is typed: a new one, or one in its place in the list. */
import { html, nothing } from "../library/lit-html/lit-html.js";
import { live } from "../library/lit-html/directives/live.js";
import { add, cancelEditing, moveBy, remove, save } from "../commands.js";
import { addDays, today } from "../dates.js";
import { keepEditing, keepNew, withTag } from "../draft.js";
import { text } from "../messages.js";
import { tagNamed } from "../operations.js";
import { PRIORITIES } from "../select.js";
import { current } from "../state.js";
import { focusLater, focusRow, isManual, ui } from "../ui.js";
import { icon, iconButton } from "./icon.js";
import { dot } from "./row.js";

/** @typedef {import("./types").Draft} Draft */

/** The one that is edited. */
export function editor() {
  const { editing } = ui;
  if (!editing) return nothing;
  const { id } = editing;
  const keep = (/** @type {Partial<Draft>} */ fields) =>
    ui.editing && keepEditing({ ...ui.editing, draft: { ...ui.editing.draft, ...fields } });
  const leave = (/** @type {() => void} */ how) => {
    how();
    focusRow(id);
  };
  return html`
    <form class="editor" aria-label=${text.edit_task(editing.base.title)}
      @submit=${(/** @type {Event} */ event) => { event.preventDefault(); leave(save); }}
      @keydown=${keys(() => leave(cancelEditing))}>
      <input name="title" class="title" required maxlength="200" pattern=".*\\S.*" autocomplete="off"
        aria-label=${text.title} .value=${live(editing.draft.title)}
        @input=${typed((title) => keep({ title }))}>
      ${details(editing.draft, keep, "edit")}
      <div class="buttons">
        <button class="primary">${text.save}</button>
        <button type="button" @click=${() => leave(cancelEditing)}>${text.cancel}</button>
        ${isManual() ? html`
          ${iconButton("up", text.move_up, () => moveBy(id, -1))}
          ${iconButton("down", text.move_down, () => moveBy(id, 1))}` : nothing}
        ${iconButton("trash", text.delete, () => remove([id]))}
      </div>
    </form>`;
}

/** The next new one. */
export function quickAdd() {
  const draft = ui.adding;
  const keep = (/** @type {Partial<Draft>} */ fields) => keepNew({ ...ui.adding, ...fields });
  return html`
    <form class="add" tabindex="-1" aria-label=${text.add}
      @submit=${(/** @type {Event} */ event) => { event.preventDefault(); add(); focusLater("#new-task"); }}
      @keydown=${keys(() => /** @type {HTMLElement} */ (document.activeElement).blur())}>
      <div class="line">
        ${icon("plus")}
        <input id="new-task" name="title" class="title" maxlength="200" autocomplete="off" enterkeyhint="done"
          placeholder=${text.add} aria-label=${text.add} .value=${live(draft.title)}
          @input=${typed((title) => keep({ title }))}>
        <button class="primary">${text.add_button}</button>
      </div>
      <div class="more">${details(draft, keep, "new")}</div>
    </form>`;
}

/** Gives what is in a field to `keep`. @param {(value: string) => void} keep */
export const typed = (keep) => (/** @type {Event} */ event) =>
  keep(/** @type {HTMLInputElement} */ (event.target).value);

/** @param {() => void} leave */
const keys = (leave) => (/** @type {KeyboardEvent} */ event) => {
  if (event.isComposing) return;
  if (event.key === "Escape") leave();
  else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    /** @type {HTMLFormElement} */ (event.currentTarget).requestSubmit();
  } else return;
  event.preventDefault();
  event.stopPropagation();
};

/** @param {Draft} draft @param {(fields: Partial<Draft>) => void} keep @param {string} form */
function details(draft, keep, form) {
  return html`
    <textarea name="description" rows="2" maxlength="10000" placeholder=${text.description}
      aria-label=${text.description} .value=${live(draft.description)}
      @input=${typed((description) => keep({ description }))}></textarea>
    <div class="details">
      <fieldset class="priorities">
        <legend class="unseen">${text.priority}</legend>
        ${PRIORITIES.map((priority) => html`
          <label class=${priority}><input type="radio" name="${form}-priority" value=${priority}
            .checked=${live(draft.priority === priority)} @change=${() => keep({ priority })}>
            ${icon("flag")}<span>${text.priorities[priority]}</span></label>`)}
      </fieldset>
      ${dueInputs(draft, keep)}
      ${tagInputs(draft, keep, form)}
    </div>`;
}

/** @param {Draft} draft @param {(fields: Partial<Draft>) => void} keep */
function dueInputs(draft, keep) {
  const start = today(new Date());
  return html`
    <div class="due-inputs">
      <input type="date" name="day" max="9999-12-29" aria-label=${text.due_day} .value=${live(draft.day)}
        @change=${typed((day) => keep(day ? { day } : { day, time: "" }))}>
      ${draft.day === ""
        ? Object.entries(text.in_days).map(([days, name]) => html`
            <button type="button" @click=${() => keep({ day: addDays(start, Number(days)) })}>${name}</button>`)
        : html`
            <input type="time" name="time" aria-label=${text.due_time} .value=${live(draft.time)}
              @change=${typed((time) => keep({ time }))}>
            ${iconButton("close", text.no_due, () => keep({ day: "", time: "" }))}`}
    </div>`;
}

/** @param {Draft} draft @param {(fields: Partial<Draft>) => void} keep @param {string} form */
function tagInputs(draft, keep, form) {
  const { tags } = current();
  const addTag = () => keep({ tag: "", tags: withTag(draft.tags, draft.tag) });
  return html`
    <div class="tag-inputs">
      ${draft.tags.map((name) => html`
        <button type="button" class="chip" aria-label=${text.take_off(name)}
          @click=${() => keep({ tags: draft.tags.filter((each) => each !== name) })}
          >${dot(tagNamed(name, tags)?.color ?? "")}${name}${icon("close")}</button>`)}
      <input name="tag" list="${form}-tags" maxlength="50" autocomplete="off" placeholder=${text.add_tag}
        aria-label=${text.add_tag} .value=${live(draft.tag)}
        @input=${typed((tag) => keep({ tag }))} @change=${addTag}
        @keydown=${(/** @type {KeyboardEvent} */ event) => {
          if (event.key !== "Enter" || event.ctrlKey || event.metaKey || !draft.tag.trim()) return;
          event.preventDefault();
          addTag();
        }}>
      <datalist id="${form}-tags">
        ${[...tags.values()].map(({ name }) =>
          draft.tags.includes(name) ? nothing : html`<option value=${name}></option>`)}
      </datalist>
    </div>`;
}
