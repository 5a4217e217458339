/** Conflicts, with both versions next to each other, and changes that the server refused. */
import { html, nothing } from "../library/lit-html/lit-html.js";
import { dismiss, settle } from "../actions.js";
import { add, edit } from "../commands.js";
import { draftOf, fieldsIn, keepEditing, keepNew } from "../draft.js";
import { text } from "../messages.js";
import { current } from "../state.js";
import { closeDialog, focusLater, ui } from "../ui.js";
import { dialog } from "./dialog.js";
import { dueText } from "./due.js";

/**
 * @typedef {import("../types").Conflict} Conflict
 * @typedef {import("../types").Refusal} Refusal
 * @typedef {import("../types").Task} Task
 */

export function disputes() {
  const { conflicts, refusals } = current();
  return dialog(text.disputes, [...conflicts.map(conflictView), ...refusals.map(refusalView)]);
}

/** After the last one, there is nothing to look at. @param {() => void} action */
function decide(action) {
  const { conflicts, refusals } = current();
  action();
  if (conflicts.length + refusals.length === 1) closeDialog();
}

/** @param {Conflict} conflict */
function conflictView(conflict) {
  const { mine, theirs, operation } = conflict;
  const title = theirs?.title ?? /** @type {Task | undefined} */ (operation.base)?.title;
  const isDeletion = operation.kind === "delete";
  const names = isDeletion && theirs ? changed(operation.base ?? {}, theirs) : Object.keys(mine);
  return html`
    <section class="dispute">
      <h3>${title}</h3>
      <div class="both">
        <div>
          <h4>${text.mine}</h4>${isDeletion ? html`<p>${text.gone_here}</p>` : values(names, mine)}
          <button class="primary" @click=${() => decide(() => settle(conflict, "mine"))}>${text.keep_mine}</button>
        </div>
        <div>
          <h4>${text.theirs}</h4>${theirs ? values(names, theirs) : html`<p>${text.gone}</p>`}
          <button @click=${() => decide(() => settle(conflict, "theirs"))}>${text.keep_theirs}</button>
        </div>
      </div>
    </section>`;
}

/** @param {object} before @param {object} after The names of the texts that differ. */
const changed = (before, after) => Object.keys(text.fields).filter((name) => {
  const field = /** @type {keyof object} */ (name);
  return JSON.stringify(before[field]) !== JSON.stringify(after[field]);
});

/** @param {string[]} names @param {object} fields */
const values = (names, fields) => html`
  <dl>${names.map((name) => html`
    <dt>${text.fields[/** @type {keyof typeof text.fields} */ (name)] ?? name}</dt>
    <dd>${valueText(name, fields[/** @type {keyof typeof fields} */ (name)])}</dd>`)}</dl>`;

/** @param {string} name @param {unknown} value @returns {string} */
function valueText(name, value) {
  if (value === null || value === undefined || value === "") return text.none;
  if (name === "due_date") return dueText(String(value), new Date());
  if (name === "priority") return text.priorities[/** @type {keyof typeof text.priorities} */ (value)];
  if (name === "completed") return value ? text.views.completed : text.open;
  if (Array.isArray(value)) return value.map((tag) => tag.name ?? tag).join(", ") || text.none;
  return String(value);
}

/** @param {Refusal} refusal */
function refusalView(refusal) {
  const body = /** @type {Partial<Task> | undefined} */ (refusal.operation.body);
  const names = Object.keys(body ?? {}).filter((name) => name in text.fields);
  return html`
    <section class="dispute">
      <h3>${body?.title ?? refusal.title}</h3>
      <p class="error">${refusal.detail || refusal.title}</p>
      ${body ? values(names, body) : nothing}
      <div class="buttons">
        ${canEdit(refusal)
          ? html`<button class="primary" @click=${() => takeBack(refusal)}>${text.take_back}</button>` : nothing}
        <button @click=${() => decide(() => dismiss(refusal))}>${text.throw_away}</button>
      </div>
    </section>`;
}

/** @param {Refusal} refusal */
const canEdit = ({ operation: { kind, id } }) =>
  kind === "create" || (kind === "change" && id !== undefined && current().tasks.has(id));

/** What was typed is in the form again. @param {Refusal} refusal */
function takeBack(refusal) {
  const { kind, id, body } = refusal.operation;
  const fields = /** @type {Partial<import("../types").TaskFields>} */ (body);
  dismiss(refusal);
  closeDialog();
  if (kind === "create") {
    // What is typed there already is not overwritten: it becomes a task.
    add();
    keepNew(draftOf({ ...fieldsIn(ui.adding), ...fields }));
    focusLater("#new-task");
  } else if (id) {
    edit(id);
    if (!ui.editing) return;
    keepEditing({ ...ui.editing, draft: draftOf({ ...fieldsIn(ui.editing.draft), ...fields }) });
  }
}
