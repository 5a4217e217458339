/** The login of this browser: its tokens are shared by all tabs, and exchanged by one at a time. */

/** @import { Account, Problem, Reply, Session } from "./types.js" */

import { call } from "./api.js";
import { watched } from "./connection.js";
import { exclusively } from "./insecure.js";
import { commit, openSession, reload } from "./replica.js";
import * as storage from "./storage.js";
import { tell } from "./tabs.js";

const MARGIN_MS = 30_000;

/** Nobody is logged in, or the login has ended: someone has to log in. */
export class LoginOver extends Error {
  /** @type {Problem} */
  problem = { status: 401, type: "urn:todo:login-over", title: "", detail: "", errors: [], retry_after: null };
}

/**
 * Sends a request of the account that is logged in.
 * @param {string} method
 * @param {string} path
 * @param {{ body?: unknown; headers?: Record<string, string>; account?: string }} [options] `account`
 *   is whose request it is; it is not sent for another one
 * @returns {Promise<Reply>} never 401
 */
export async function send(method, path, options = {}) {
  let session = valid(openSession(), options.account);
  if (session.expires_at - MARGIN_MS < Date.now()) session = await refreshed(session, options.account);
  const reply = await watched(call(method, path, { ...options, token: session.access_token }));
  if (reply.status !== 401) return reply;
  if (reply.problem.type === "urn:todo:account-gone") return end(session);
  const next = await refreshed(session, options.account);
  const again = await call(method, path, { ...options, token: next.access_token });
  return again.status === 401 ? end(next) : again;
}

/**
 * Stores the tokens of a new login.
 * @returns {Promise<Reply>} the account, if the tokens are good for one
 */
export async function begin(/** @type {any} */ tokens) {
  const reply = await call("GET", "api/auth/me", { token: tokens.access_token });
  if (!reply.ok) return reply;
  await storage.enter(sessionOf(reply.body, tokens));
  tell({ kind: "reload" });
  await reload();
  return reply;
}

/** @param {any} tokens a new pair of the same login */
export async function renew(tokens, /** @type {Session} */ session) {
  const next = sessionOf(session.account, tokens);
  await commit({ account: session.account.id, session: next });
  return next;
}

/** Ends the login here, and clears what is stored of its account, in all tabs. */
export async function clear() {
  const session = await storage.session();
  if (session) await storage.leave(session.account.id);
  tell({ kind: "reload" });
  await reload();
}

/**
 * @param {Session} used
 * @param {string} [account]
 */
function refreshed(used, account) {
  return exclusively("todo refresh", async () => {
    const session = valid(await storage.session(), account);
    if (session.access_token !== used.access_token) return session;
    const body = { refresh_token: session.refresh_token };
    const reply = await call("POST", "api/auth/refresh", { body });
    return reply.ok ? renew(reply.body, session) : end(session);
  });
}

/** @returns {Promise<never>} */
async function end(/** @type {Session} */ session) {
  const present = await storage.session();
  if (present?.refresh_token === session.refresh_token) {
    await commit({ account: session.account.id, session: { ...session, is_over: true } });
  }
  throw new LoginOver();
}

/**
 * @param {Session | null} session
 * @param {string} [account]
 */
function valid(session, account) {
  if (!session || session.is_over || (account && session.account.id !== account)) throw new LoginOver();
  return session;
}

/**
 * @param {Account} account
 * @param {any} tokens
 * @returns {Session}
 */
function sessionOf(account, { access_token, refresh_token, expires_in }) {
  return { account, access_token, refresh_token, expires_at: Date.now() + expires_in * 1000, is_over: false };
}
