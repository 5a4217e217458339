/** Requests to the API, each with a deadline. */

/** @import { Problem, Reply } from "./types.js" */

/** Where the service is: this is `client/<version>/api.js` there. */
export const BASE = new URL("../../", import.meta.url);
/** Longer than the service itself waits for its database. */
export const DEADLINE_MS = 40_000;
const STATUSES_TO_WAIT = new Set([425, 429, 502, 503, 504]);

/** No response, or one that says to try again later. */
export class Unavailable extends Error {
  /**
   * @param {"offline" | "unreachable" | "unavailable"} reason
   * @param {Problem} problem
   */
  constructor(reason, problem) {
    super(problem.title);
    this.reason = reason;
    this.problem = problem;
  }
}

/**
 * @param {string} method
 * @param {string} path relative to the service, such as `api/auth/login`
 * @param {{ body?: unknown; token?: string; headers?: Record<string, string> }} [options]
 * @returns {Promise<Reply>}
 * @throws {Unavailable}
 */
export async function call(method, path, { body, token, headers } = {}) {
  const isForm = body instanceof URLSearchParams;
  const type = body !== undefined && !isForm && { "Content-Type": "application/json" };
  const authorization = token && { Authorization: `Bearer ${token}` };
  try {
    const response = await fetch(new URL(path, BASE), {
      method,
      headers: { Accept: "application/json", ...type, ...authorization, ...headers },
      body: isForm ? body : JSON.stringify(body),
      signal: AbortSignal.timeout(DEADLINE_MS),
      cache: "no-store",
      credentials: "omit",
      redirect: "error",
    });
    return understood(response, await response.text());
  } catch (error) {
    if (error instanceof Unavailable) throw error;
    const reason = navigator.onLine ? "unreachable" : "offline";
    throw new Unavailable(reason, problemOf(0, {}, null));
  }
}

/** @returns {Reply} */
function understood(/** @type {Response} */ response, /** @type {string} */ text) {
  const { ok, status } = response;
  const isJson = /^application\/(problem\+)?json\b/.test(response.headers.get("Content-Type") ?? "");
  const body = isJson && text ? JSON.parse(text) : undefined;
  const problem = problemOf(status, ok ? {} : body, response.headers.get("Retry-After"));
  // A page instead of JSON is some proxy's, or a hotel's: the service has not seen the request.
  const isForeign = !isJson && status !== 204;
  if (isForeign || STATUSES_TO_WAIT.has(status)) throw new Unavailable("unavailable", problem);
  return { ok, status, body, problem };
}

/**
 * @param {number} status
 * @param {any} body
 * @param {string | null} retry_after
 * @returns {Problem}
 */
function problemOf(status, body, retry_after) {
  const { type = "about:blank", title = "", detail = "", errors = [] } = body ?? {};
  const seconds = retry_after === null ? NaN : Number(retry_after);
  return { status, type, title, detail, errors, retry_after: Number.isFinite(seconds) ? seconds : null };
}
