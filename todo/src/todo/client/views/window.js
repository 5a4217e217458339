/** The page with a login: views, search, the list, and what lies on top. */
import { html, nothing } from "../library/lit-html/lit-html.js";
import { live } from "../library/lit-html/directives/live.js";
import { complete, remove } from "../commands.js";
import { text } from "../messages.js";
import { chosen, endSelecting, selectAll, startSelecting } from "../selection.js";
import { current } from "../state.js";
import { change, changeFilter, focusOn, shown, ui } from "../ui.js";
import { accountDialog, leave, logoutDialog } from "./account.js";
import { dialog } from "./dialog.js";
import { disputes } from "./disputes.js";
import { quickAdd, typed } from "./editor.js";
import { loginForm } from "./entry.js";
import { help } from "./help.js";
import { icon, iconButton, mark } from "./icon.js";
import { list } from "./list.js";
import { notices } from "./notices.js";
import { sidebar, titleOfView } from "./sidebar.js";
import { tagEditor } from "./tags.js";

const wide = window.matchMedia("(min-width: 800px)");

/** @param {() => void} draw */
export const onWidth = (draw) => wide.addEventListener("change", draw);

const dialogs = {
  menu: () => dialog(text.menu, html`<nav aria-label=${text.views_label}>${sidebar()}</nav>`, "drawer"),
  help, tags: tagEditor, account: accountDialog, disputes, logout: logoutDialog,
  login: () => dialog(text.login, html`<p>${text.login_over}</p>${loginForm()}
    <p class="links"><button @click=${leave}>${text.other_account}</button></p>`),
};

export const mainWindow = () => html`
  <button class="skip" @click=${focusOn("#list")}>${text.skip}</button>
  ${wide.matches ? html`<nav class="sidebar" aria-label=${text.views_label}>${sidebar()}</nav>` : nothing}
  <header class="top">
    ${wide.matches ? nothing : iconButton("menu", text.menu, () => change({ dialog: "menu" }))}
    <search class="search">
      ${icon("search")}
      <input id="search" type="search" maxlength="200" autocomplete="off" placeholder=${text.search}
        aria-label=${text.search} .value=${live(ui.filter.query)}
        @input=${typed((query) => changeFilter({ query }))} @keydown=${leaveSearch}>
    </search>
    ${sync()}
  </header>
  <main id="list" tabindex="-1">
    <div class="heading">
      <h1>${titleOfView()}</h1>
      ${tools()}
    </div>
    ${ui.filter.view === "completed" ? nothing : quickAdd()}
    ${current().loaded || current().tasks.size > 0 ? content() : html`<p class="empty">${text.loading}</p>`}
  </main>
  <div class="bottom">
    ${ui.filter.view === "completed" || ui.selecting || ui.editing ? nothing : html`
      <button class="primary reach" aria-label=${text.add} @click=${focusOn("#new-task")}>${icon("plus")}</button>`}
    ${notices()}
    ${ui.selecting ? bulkBar() : nothing}
  </div>
  <div class="unseen" role="status" aria-live="polite">${ui.said}</div>
  ${ui.dialog ? dialogs[ui.dialog]() : nothing}`;

/** @param {KeyboardEvent} event */
function leaveSearch(event) {
  const isDown = event.key === "ArrowDown" || event.key === "Enter";
  if (event.key === "Escape") changeFilter({ query: "" });
  else if (!isDown || event.isComposing) return;
  event.preventDefault();
  /** @type {HTMLElement} */ (event.target).blur();
  if (isDown) focusOn(".row .open[tabindex='0']")();
}

function sync() {
  const { queued } = current();
  return queued > 0 ? mark("cloud", text.waiting(queued), "sync waiting") : mark("check", text.saved, "sync");
}

function tools() {
  const tasks = shown();
  return html`
    <div class="tools">
      ${ui.filter.view === "completed" && tasks.length > 0
        ? html`<button @click=${() => remove(tasks.map(({ id }) => id))}>${text.clear_completed}</button>` : nothing}
      ${choice("priority", { "": text.any_priority, ...text.priorities })}
      ${choice("sort", text.sorts)}
      <button aria-pressed=${ui.selecting ? "true" : "false"}
        @click=${ui.selecting ? endSelecting : startSelecting}>${text.select}</button>
    </div>`;
}

/** @param {"priority" | "sort"} name @param {Record<string, string>} options */
const choice = (name, options) => html`
  <select aria-label=${text[name]} @change=${typed((value) => changeFilter({ [name]: value || null }))}>
    ${Object.entries(options).map(([value, words]) => html`
      <option value=${value} .selected=${live(value === (ui.filter[name] ?? ""))}>${words}</option>`)}
  </select>`;

function content() {
  if (shown().length > 0) return list();
  const { query, view, priority } = ui.filter;
  const isFirst = current().tasks.size === 0 && view === "all";
  const isFiltered = Boolean(query.trim() || priority);
  const words = isFiltered ? text.empty.search
    : isFirst ? text.empty.first
    : typeof view === "object" ? text.empty.tag : text.empty[view];
  return html`<p class="empty">${icon(isFiltered ? "search" : "completed")}${words}</p>`;
}

function bulkBar() {
  const ids = chosen();
  const isOpen = ids.some((id) => !current().tasks.get(id)?.completed);
  const disabled = ids.length === 0;
  return html`
    <div class="bulk" role="region" aria-label=${text.select}>
      <strong role="status">${text.selected(ids.length)}</strong>
      <button @click=${selectAll}>${text.select_all}</button>
      <button ?disabled=${disabled} @click=${() => complete(ids, isOpen)}
        >${isOpen || disabled ? text.complete : text.reopen}</button>
      <button ?disabled=${disabled} @click=${() => remove(ids)}>${text.delete}</button>
      <button @click=${endSelecting}>${text.done}</button>
    </div>`;
}
