/** The account: what is sent at once, and said at once if it was refused. */

/** @import { AccountModule, Outcome, Reply } from "./types.js" */

import { call, Unavailable } from "./api.js";
import { exchange } from "./exchange.js";
import { randomUUID } from "./insecure.js";
import { commit, session } from "./replica.js";
import { begin, clear, LoginOver, renew, send } from "./session.js";
import { current } from "./state.js";

/** The key of a registration, as long as the form is the same: it may be sent again. */
let registration = { form: "", key: "" };

/** Creates an account, and logs in. @type {AccountModule["register"]} */
export async function register(form) {
  const text = JSON.stringify(form);
  if (registration.form !== text) registration = { form: text, key: randomUUID() };
  const headers = { "Idempotency-Key": registration.key };
  const made = await outcome(call("POST", "api/auth/register", { body: form, headers }));
  return made.ok ? login(form.email, form.password) : made;
}

/** @type {AccountModule["login"]} */
export async function login(email, password) {
  const body = new URLSearchParams({ grant_type: "password", username: email, password });
  const tokens = await outcome(call("POST", "api/auth/login", { body }));
  if (!tokens.ok) return tokens;
  const entered = await outcome(begin(tokens.value));
  if (entered.ok) void exchange({ changes: true, now: true });
  return entered;
}

/** @type {AccountModule["unsentCount"]} */
export function unsentCount() {
  const { queued, conflicts, refusals } = current();
  return queued + conflicts.length + refusals.length;
}

/** @type {AccountModule["logout"]} */
export async function logout() {
  const token = session()?.access_token;
  await clear();
  // Without a connection the login goes on on the server; nobody has its tokens any more.
  await outcome(call("POST", "api/auth/logout", { token }));
}

/** @type {AccountModule["forgotPassword"]} */
export const forgotPassword = (email) => outcome(call("POST", "api/auth/forgot-password", { body: { email } }));

/** @type {AccountModule["resetPassword"]} */
export const resetPassword = (token, new_password) =>
  outcome(call("POST", "api/auth/reset-password", { body: { token, new_password } }));

/** @type {AccountModule["changePassword"]} */
export async function changePassword(current_password, new_password) {
  const before = session();
  const body = { current_password, new_password };
  const tokens = await outcome(send("POST", "api/auth/change-password", { body }));
  if (tokens.ok && before) await renew(tokens.value, before);
  return tokens;
}

/** @type {AccountModule["changeProfile"]} */
export async function changeProfile(form) {
  const changed = await outcome(send("PATCH", "api/auth/me", { body: form }));
  const present = session();
  if (changed.ok && present) {
    await commit({ account: present.account.id, session: { ...present, account: changed.value } });
  }
  return changed;
}

/** @type {AccountModule["logins"]} */
export const logins = (cursor) =>
  outcome(send("GET", `api/auth/logins?${new URLSearchParams(cursor ? { cursor } : {})}`));

/** @type {AccountModule["endLogin"]} */
export const endLogin = (id) => outcome(send("DELETE", `api/auth/logins/${id}`));

/** @type {AccountModule["tokens"]} */
export const tokens = () => outcome(send("GET", "api/auth/tokens"));

/** @type {AccountModule["createToken"]} */
export const createToken = (form) => outcome(send("POST", "api/auth/tokens", { body: form }));

/** @type {AccountModule["revokeToken"]} */
export const revokeToken = (id) => outcome(send("DELETE", `api/auth/tokens/${id}`));

/** @type {AccountModule["exportAll"]} */
export const exportAll = () => outcome(send("GET", "api/me/export"));

/** @type {AccountModule["importFile"]} */
export async function importFile(file) {
  const headers = { "Idempotency-Key": randomUUID() };
  // What is no JSON is sent as a text: the server says what is wrong with it.
  const body = await new Response(file).json().catch(() => file.text());
  const done = await outcome(send("POST", "api/me/import", { body, headers }));
  if (done.ok) void exchange({ changes: true });
  return done;
}

/** @type {AccountModule["deleteAccount"]} */
export async function deleteAccount(password) {
  const done = await outcome(send("POST", "api/auth/delete-account", { body: { password } }));
  if (done.ok) await clear();
  return done;
}

/** @returns {Promise<Outcome<any>>} */
async function outcome(/** @type {Promise<Reply>} */ sending) {
  try {
    const { ok, body, problem } = await sending;
    return ok ? { ok, value: body } : { ok: false, problem };
  } catch (error) {
    if (error instanceof Unavailable || error instanceof LoginOver) return { ok: false, problem: error.problem };
    throw error;
  }
}
