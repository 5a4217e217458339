/** The account: what is sent at once, and said at once if it was refused. */

/** @import { ApiToken, Login, Outcome, Problem, Reply } from "./types.js" */

import { call, Unavailable } from "./api.js";
import { exchange } from "./exchange.js";
import { randomUUID } from "./insecure.js";
import { commit, session } from "./replica.js";
import { begin, clear, LoginOver, renew, send } from "./session.js";
import { current } from "./state.js";

/** The key of a registration, as long as the form is the same: it may be sent again. */
let registration = { form: "", key: "" };

/**
 * Creates an account, and logs in.
 * @param {{ email: string; password: string; name?: string; invite?: string }} form
 * @returns {Promise<Outcome>}
 */
export async function register(form) {
  const text = JSON.stringify(form);
  if (registration.form !== text) registration = { form: text, key: randomUUID() };
  const headers = { "Idempotency-Key": registration.key };
  const made = await outcome(call("POST", "api/auth/register", { body: form, headers }));
  return made.ok ? login(form.email, form.password) : made;
}

/** @returns {Promise<Outcome>} */
export async function login(/** @type {string} */ email, /** @type {string} */ password) {
  const body = new URLSearchParams({ grant_type: "password", username: email, password });
  const tokens = await outcome(call("POST", "api/auth/login", { body }));
  if (!tokens.ok) return tokens;
  const entered = await outcome(begin(tokens.value));
  if (entered.ok) void exchange({ changes: true, now: true });
  return entered;
}

/** How many operations would be lost by `logout`. */
export function unsentCount() {
  const { queued, conflicts, refusals } = current();
  return queued + conflicts.length + refusals.length;
}

/** Clears everything stored in this browser, in all tabs; asks nobody. */
export async function logout() {
  const token = session()?.access_token;
  await clear();
  // Without a connection the login goes on on the server; nobody has its tokens any more.
  await outcome(call("POST", "api/auth/logout", { token }));
}

/** @returns {Promise<Outcome>} */
export function forgotPassword(/** @type {string} */ email) {
  return outcome(call("POST", "api/auth/forgot-password", { body: { email } }));
}

/** @returns {Promise<Outcome>} */
export function resetPassword(/** @type {string} */ token, /** @type {string} */ password) {
  return outcome(call("POST", "api/auth/reset-password", { body: { token, new_password: password } }));
}

/**
 * @param {string} current_password
 * @param {string} new_password
 * @returns {Promise<Outcome>}
 */
export async function changePassword(current_password, new_password) {
  const before = session();
  const tokens = await outcome(send("POST", "api/auth/change-password", { body: { current_password, new_password } }));
  if (!tokens.ok) return tokens;
  if (before) await renew(tokens.value, before);
  return { ok: true, value: undefined };
}

/**
 * @param {{ name?: string | null; email?: string; current_password?: string }} form
 * @returns {Promise<Outcome>}
 */
export async function changeProfile(form) {
  const changed = await outcome(send("PATCH", "api/auth/me", { body: form }));
  const present = session();
  if (changed.ok && present) {
    await commit({ account: present.account.id, session: { ...present, account: changed.value } });
  }
  return changed;
}

/**
 * @param {string} [cursor]
 * @returns {Promise<Outcome<{ items: Login[]; next_cursor: string | null }>>}
 */
export function logins(cursor) {
  const query = cursor ? `?${new URLSearchParams({ cursor })}` : "";
  return outcome(send("GET", `api/auth/logins${query}`));
}

/** @returns {Promise<Outcome>} */
export function endLogin(/** @type {string} */ id) {
  return outcome(send("DELETE", `api/auth/logins/${id}`));
}

/** @returns {Promise<Outcome<ApiToken[]>>} */
export async function tokens() {
  const found = await outcome(send("GET", "api/auth/tokens"));
  return found.ok ? { ok: true, value: found.value.items ?? found.value } : found;
}

/**
 * @param {{ name: string; scope: "read" | "write"; expires_in_days?: number }} form
 * @returns {Promise<Outcome<ApiToken & { token: string }>>}
 */
export function createToken(form) {
  return outcome(send("POST", "api/auth/tokens", { body: form }));
}

/** @returns {Promise<Outcome>} */
export function revokeToken(/** @type {string} */ id) {
  return outcome(send("DELETE", `api/auth/tokens/${id}`));
}

/** @returns {Promise<Outcome<string>>} the export as text */
export async function exportAll() {
  const found = await outcome(send("GET", "api/me/export"));
  return found.ok ? { ok: true, value: JSON.stringify(found.value) } : found;
}

/** @returns {Promise<Outcome<{ tasks_created: number; tasks_unchanged: number; tags_created: number }>>} */
export async function importFile(/** @type {string} */ text) {
  const body = parsed(text);
  const done = await outcome(send("POST", "api/me/import", { body, headers: { "Idempotency-Key": randomUUID() } }));
  if (done.ok) void exchange({ changes: true });
  return done;
}

/** @returns {Promise<Outcome>} */
export async function deleteAccount(/** @type {string} */ password) {
  const done = await outcome(send("POST", "api/auth/delete-account", { body: { password } }));
  if (done.ok) await clear();
  return done;
}

/** What is no JSON is sent as it is: the server says what is wrong with it. */
function parsed(/** @type {string} */ text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** @returns {Promise<Outcome<any>>} */
async function outcome(/** @type {Promise<Reply>} */ sending) {
  try {
    const { ok, body, problem } = await sending;
    return ok ? { ok, value: body } : { ok: false, problem };
  } catch (error) {
    if (error instanceof Unavailable) return { ok: false, problem: error.problem };
    if (error instanceof LoginOver) return { ok: false, problem: OVER };
    throw error;
  }
}

/** @type {Problem} */
const OVER = { status: 401, type: "urn:todo:login-over", title: "", detail: "", errors: [], retry_after: null };
