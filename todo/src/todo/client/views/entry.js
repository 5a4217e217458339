/** The pages without a login: log in, register, and a new password. */
import { html, nothing } from "../library/lit-html/lit-html.js";
import * as account from "../account.js";
import { text } from "../messages.js";
import { current } from "../state.js";
import { change, closeDialog, ui } from "../ui.js";
import { EMAIL, formView, freshForms, NAME, NEW_PASSWORD, PASSWORD } from "./form.js";

/** @typedef {import("./types").Entry} Entry */

const HASHES = { "#/login": "login", "#/register": "register", "#/forgot": "forgot" };

/** Reads what a link or an address asks for; a secret goes out of the address. */
export function readEntry() {
  const secret = /^#(reset|invite)=(.+)$/.exec(location.hash);
  if (secret) {
    change({ entry: { page: secret[1] === "reset" ? "reset" : "register", secret: secret[2] } });
    history.replaceState(null, "", location.pathname);
    return;
  }
  const page = HASHES[/** @type {keyof typeof HASHES} */ (location.hash)];
  if (!page || page === ui.entry.page) return;
  freshForms();
  const invite = ui.entry.page === "reset" ? "" : ui.entry.secret;
  change({ entry: { page: /** @type {Entry["page"]} */ (page), secret: invite } });
}

export function entry() {
  const { page, secret } = ui.entry;
  return html`
    <main class="entry">
      ${brand(44)}
      <h1>${text[page]}</h1>
      ${page === "register" && secret ? html`<p class="hint">${text.invited}</p>` : nothing}
      ${pages[page](secret)}
    </main>`;
}

const ICON = new URL("../icon.svg", import.meta.url).href;

/** @param {number} size Of the icon, in pixels. */
export const brand = (size) => html`
  <p class="brand"><img src=${ICON} alt="" width=${size} height=${size}>${text.name}</p>`;

const pages = {
  login: () => html`
    ${said ? html`<p class="said">${said}</p>` : nothing}
    ${loginForm()}
    <p class="links"><a href="#/forgot">${text.forgot}</a><a href="#/register">${text.register}</a></p>`,
  register: (/** @type {string} */ invite) => html`
    ${formView({
      name: "register", button: text.register, send: (values) => register(values, invite),
      fields: [
        EMAIL, NEW_PASSWORD, NAME,
        ...(needsInvite && !invite ? [{ name: "invite", label: text.invite, maxlength: 200 }] : []),
      ],
    })}
    <p class="links"><a href="#/login">${text.have_account}</a></p>`,
  forgot: () => html`
    ${formView({
      name: "forgot", button: text.send_link, fields: [EMAIL],
      send: ({ email }) => account.forgotPassword(email), done: () => text.link_sent,
    })}
    <p class="links"><a href="#/login">${text.back_to_login}</a></p>`,
  reset: (/** @type {string} */ token) => html`
    ${formView({
      name: "reset", button: text.save, fields: [NEW_PASSWORD],
      send: ({ password }) => account.resetPassword(token, password),
      done: () => {
        said = text.password_set;
        change({ entry: { page: "login", secret: "" } });
      },
    })}
    <p class="links"><a href="#/login">${text.back_to_login}</a></p>`,
};

/** What the last page said, and whether the server wants invites. */
let said = "";
let needsInvite = false;

/** @param {Record<string, string>} values @param {string} invite */
async function register({ email, password, name, invite: typed }, invite) {
  const outcome = await account.register({
    email, password, ...(name && { name }), ...((invite || typed) && { invite: invite || typed }),
  });
  if (!outcome.ok) needsInvite ||= outcome.problem.type.startsWith("urn:todo:invite-");
  return outcome;
}

/** Also for a login that has ended: then of the same account. */
export function loginForm() {
  const known = current().account?.email;
  return formView({
    name: "login", button: text.login, fields: [{ ...EMAIL, value: known }, PASSWORD],
    send: ({ email, password }) => account.login(email, password),
    done: () => {
      said = "";
      closeDialog();
    },
  });
}
