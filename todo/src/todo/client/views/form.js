/** Forms that are sent at once: busy while they are, and the server's words next to the fields. */
import { html, nothing } from "../library/lit-html/lit-html.js";
import { text } from "../messages.js";
import { change } from "../ui.js";

/**
 * @typedef {import("../types").Problem} Problem
 * @typedef {object} Field
 * @property {string} name
 * @property {string} label
 * @property {string} [type]
 * @property {string} [autocomplete]
 * @property {string} [value]
 * @property {string} [hint]
 * @property {boolean} [optional]
 * @property {number} [minlength]
 * @property {number} [maxlength]
 * @property {Record<string, string>} [options] A choice of these.
 */
/**
 * @template T
 * @typedef {object} Form
 * @property {string} name
 * @property {Field[]} fields
 * @property {string} button
 * @property {boolean} [isDangerous]
 * @property {(values: Record<string, string>) => Promise<import("../types").Outcome<T>>} send
 * @property {(value: T) => string | void} [done] Returns what to say.
 */
/** @typedef {{ isBusy: boolean, problem: Problem | null, said: string }} Progress */

/** @type {Progress} */
const FRESH = { isBusy: false, problem: null, said: "" };
/** @type {Map<string, Progress>} */
const progress = new Map();
/** Passwords that are shown. @type {Set<string>} */
const revealed = new Set();

/** @param {string} name @param {Partial<Progress>} fields */
function note(name, fields) {
  progress.set(name, { ...FRESH, ...fields });
  change({});
}

/** Forgets what the forms said last. */
export function freshForms() {
  progress.clear();
  revealed.clear();
}

/** @template T @param {Form<T>} form */
export function formView(form) {
  const { isBusy, problem, said } = progress.get(form.name) ?? FRESH;
  const fields = form.fields.map((field) => ({ field, error: errorOf(field, problem) }));
  const isPlaced = fields.some(({ error }) => error);
  return html`
    <form class="form" @submit=${(/** @type {SubmitEvent} */ event) => submit(event, form)}>
      ${fields.map(({ field, error }) => fieldView(field, `${form.name}-${field.name}`, error))}
      <div role="alert">${problem && !isPlaced ? html`<p class="error">${wordsOf(problem)}</p>` : nothing}</div>
      <button class=${form.isDangerous ? "danger" : "primary"} aria-disabled=${isBusy ? "true" : "false"}
        >${form.button}</button>
      <p class="said" role="status">${said}</p>
    </form>`;
}

/** @template T @param {SubmitEvent} event @param {Form<T>} form */
async function submit(event, form) {
  event.preventDefault();
  if (progress.get(form.name)?.isBusy) return;
  const element = /** @type {HTMLFormElement} */ (event.currentTarget);
  const values = Object.fromEntries([...new FormData(element)].map(([name, value]) => [name, String(value)]));
  note(form.name, { isBusy: true });
  const outcome = await form.send(values);
  if (outcome.ok) {
    element.reset();
    revealed.clear();
    return note(form.name, { said: form.done?.(outcome.value) ?? "" });
  }
  note(form.name, { problem: outcome.problem });
  queueMicrotask(() => {
    const wrong = element.querySelector("[aria-invalid=true]") ?? element.querySelector("input");
    /** @type {HTMLElement | null} */ (wrong)?.focus();
  });
}

/** The server names a field by its path. @param {Field} field @param {Problem | null} problem */
function errorOf(field, problem) {
  const names = field.name === "email" ? ["email", "username"] : [field.name];
  return problem?.errors.find((error) => names.includes(error.field.split(".").at(-1) ?? ""))?.message;
}

/** @param {Problem} problem */
export function wordsOf(problem) {
  if (problem.status === 0) return text.unreachable;
  return problem.errors.at(0)?.message ?? (problem.detail || problem.title);
}

/** @param {Field} field @param {string} id @param {string | undefined} error */
function fieldView(field, id, error) {
  const isPassword = field.type === "password";
  const isShown = revealed.has(id);
  return html`
    <div class="field">
      <label for=${id}>${field.label}${field.optional ? html` <small>${text.optional}</small>` : nothing}</label>
      ${field.options ? html`
        <select id=${id} name=${field.name}>
          ${Object.entries(field.options).map(([value, words]) => html`<option value=${value}>${words}</option>`)}
        </select>` : html`
        <div class="input">
          <input id=${id} name=${field.name} type=${isShown ? "text" : (field.type ?? "text")}
            autocomplete=${field.autocomplete ?? "off"} ?required=${!field.optional}
            minlength=${field.minlength ?? nothing} maxlength=${field.maxlength ?? nothing}
            .defaultValue=${field.value ?? ""} aria-invalid=${error ? "true" : "false"}
            aria-describedby="${id}-note" autocapitalize="none" spellcheck="false">
          ${isPassword ? html`
            <button type="button" aria-label="${isShown ? text.hide : text.show}: ${field.label}"
              @click=${() => toggle(id)}>${isShown ? text.hide : text.show}</button>` : nothing}
        </div>`}
      <p id="${id}-note" class=${error ? "error" : "hint"}>${error ?? field.hint}</p>
    </div>`;
}

/** @param {string} id */
function toggle(id) {
  if (!revealed.delete(id)) revealed.add(id);
  change({});
}

export const NAME = { name: "name", label: text.your_name, autocomplete: "name", maxlength: 100, optional: true };
export const EMAIL = { name: "email", label: text.email, type: "email", autocomplete: "username", maxlength: 254 };
export const PASSWORD = { name: "password", label: text.password, type: "password", autocomplete: "current-password", maxlength: 128 };
export const NEW_PASSWORD = { ...PASSWORD, autocomplete: "new-password", minlength: 8, hint: text.password_hint };
