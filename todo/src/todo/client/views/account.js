/** The account's settings, its logins and API tokens, export and import. */
import { html, nothing } from "../library/lit-html/lit-html.js";
import * as account from "../account.js";
import { text } from "../messages.js";
import { current } from "../state.js";
import { change, closeDialog, say } from "../ui.js";
import { dialog } from "./dialog.js";
import { EMAIL, formView, NAME, NEW_PASSWORD, PASSWORD, wordsOf } from "./form.js";

/**
 * @typedef {import("../types").Login} Login
 * @typedef {import("../types").ApiToken} ApiToken
 * @typedef {import("../types").Problem} Problem
 */

/** @type {{ logins: Login[], cursor: string | null, tokens: ApiToken[], secret: string, problem: Problem | null, said: string }} */
const FRESH = { logins: [], cursor: null, tokens: [], secret: "", problem: null, said: "" };
let page = FRESH;

/** @param {Partial<typeof FRESH>} fields */
function show(fields) {
  page = { ...page, problem: null, said: "", ...fields };
  change({});
}

const CURRENT = { ...PASSWORD, name: "current_password", label: text.current_password };

export const accountDialog = () => dialog(text.account, html`
  <p class="who"><strong>${current().account?.email}</strong>
    <button @click=${leave}>${text.logout}</button></p>
  <div role="alert">${page.problem ? html`<p class="error">${wordsOf(page.problem)}</p>` : nothing}</div>
  ${section(text.profile, profile(), true)}
  ${section(text.email, emailForm())}
  ${section(text.password, passwordForm())}
  ${section(text.logins, logins(), false, () => void readLogins())}
  ${section(text.api_tokens, tokens(), false, () => void readTokens())}
  ${section(text.data, data())}
  ${section(text.delete_account, deletion())}`, "account");

/** @param {string} title @param {unknown} content @param {boolean} isOpen @param {() => void} read */
const section = (title, content, isOpen = false, read = () => {}) => html`
  <details name="account" ?open=${isOpen}
    @toggle=${(/** @type {ToggleEvent} */ event) => event.newState === "open" && read()}>
    <summary>${title}</summary>
    <div class="content">${content}</div>
  </details>`;

/** Asks first if something would be lost. */
export function leave() {
  if (account.unsentCount() === 0) void account.logout();
  closeDialog();
  setTimeout(() => change({ dialog: account.unsentCount() > 0 ? "logout" : null }));
}

/** Asked before unsent changes are lost. */
export const logoutDialog = () => dialog(text.logout, html`
  <p>${text.logout_warning(account.unsentCount())}</p>
  <div class="buttons">
    <button class="primary" @click=${closeDialog}>${text.cancel}</button>
    <button class="danger" @click=${() => { closeDialog(); void account.logout(); }}>${text.logout_anyway}</button>
  </div>`);

const profile = () => formView({
  name: "profile", button: text.save, send: ({ name }) => account.changeProfile({ name: name || null }),
  done: () => text.changed,
  fields: [{ ...NAME, value: current().account?.name ?? "" }],
});

const emailForm = () => formView({
  name: "email", button: text.save, send: account.changeProfile, done: () => text.changed,
  fields: [{ ...EMAIL, value: current().account?.email }, CURRENT],
});

const passwordForm = () => formView({
  name: "password", button: text.save, done: () => text.password_changed,
  send: ({ current_password: now, password }) => account.changePassword(now, password),
  fields: [CURRENT, { ...NEW_PASSWORD, label: text.new_password }],
});

/** @template T @param {Promise<import("../types").Outcome<T>>} request @param {(value: T) => unknown} then */
async function take(request, then) {
  const outcome = await request;
  if (outcome.ok) await then(outcome.value);
  else show({ problem: outcome.problem });
}

/** @param {string} [cursor] */
const readLogins = (cursor) =>
  take(account.logins(cursor), ({ items, next_cursor }) =>
    show({ logins: cursor ? [...page.logins, ...items] : items, cursor: next_cursor }));

const readTokens = () => take(account.tokens(), ({ items }) => show({ tokens: items }));

const logins = () => html`
  <ul class="items" role="list">
    ${page.logins.map((login) => item(
      login.device ?? text.unknown_device,
      [login.is_current ? text.this_login : text.last_used(login.last_used_at), login.network],
      login.is_current ? null : {
        words: text.end, label: text.end_login(login.device ?? text.unknown_device),
        run: () => take(account.endLogin(login.id), () => readLogins()),
      }))}
  </ul>
  ${page.cursor ? html`<button @click=${() => readLogins(page.cursor ?? undefined)}>${text.more}</button>` : nothing}`;

/**
 * @param {string} title
 * @param {(string | null)[]} notes
 * @param {{ words: string, label: string, run: () => void } | null} action
 */
const item = (title, notes, action) => html`
  <li><span><strong>${title}</strong><small>${notes.filter(Boolean).join(" · ")}</small></span>
    ${action ? html`<button aria-label=${action.label} @click=${action.run}>${action.words}</button>` : nothing}
  </li>`;

const tokens = () => html`
  <ul class="items" role="list">
    ${page.tokens.map((token) => item(
      token.name,
      [text.scopes[token.scope], token.expires_at && text.expires_at(token.expires_at),
        token.last_used_at ? text.last_used(token.last_used_at) : text.never_used],
      {
        words: text.revoke, label: text.revoke_token(token.name),
        run: () => take(account.revokeToken(token.id), readTokens),
      }))}
  </ul>
  ${page.secret ? html`
    <div class="secret" role="status"><p>${text.token_once}</p>
      <input readonly aria-label=${text.api_tokens} .value=${page.secret}
        @focus=${(/** @type {Event} */ event) => /** @type {HTMLInputElement} */ (event.target).select()}>
      <button @click=${copy}>${text.copy}</button></div>` : nothing}
  ${formView({
    name: "token", button: text.create_token, send: createToken,
    done: ({ token }) => { show({ secret: token }); void readTokens(); },
    fields: [
      { name: "name", label: text.token_name, maxlength: 100 },
      { name: "scope", label: text.scope, options: text.scopes },
      { name: "expires_in_days", label: text.expires, options: text.lifetimes },
    ],
  })}`;

/** @param {Record<string, string>} values */
const createToken = ({ name, scope, expires_in_days: days }) => account.createToken({
  name, scope: scope === "write" ? "write" : "read", ...(Number(days) && { expires_in_days: Number(days) }),
});

async function copy() {
  // Pages on plain http may not: there it is selected and copied by hand.
  await navigator.clipboard?.writeText(page.secret);
  say(text.copied);
}

const data = () => html`
  <div class="buttons">
    <button @click=${() => take(account.exportAll(), save)}>${text.export}</button>
    <label class="button">${text.import}<input type="file" class="unseen" accept=".json,application/json"
      @change=${load}></label>
  </div>
  <p class="said" role="status">${page.said}</p>`;

/** @param {object} exported */
function save(exported) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify(exported, null, 2)], { type: "application/json" }));
  link.download = "todo.json";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** @param {Event} event */
async function load(event) {
  const input = /** @type {HTMLInputElement} */ (event.target);
  const file = input.files?.[0];
  if (!file) return;
  await take(account.importFile(file), (result) => show({ said: text.imported(result) }));
  input.value = "";
}

const deletion = () => html`<p>${text.delete_account_warning}</p>
  ${formView({
    name: "delete", button: text.delete_account, isDangerous: true, fields: [PASSWORD],
    send: ({ password }) => account.deleteAccount(password), done: closeDialog,
  })}`;

/** Nothing of the last account is shown to the next. */
export const forgetAccount = () => { page = FRESH; };
