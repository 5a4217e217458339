/** Follows the server while the page is looked at, and finds it again after it was away. */

/** @import { Snapshot, State } from "./types.js" */

/** The version of the snapshots that this page understands. */
const VERSION = 1;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 10_000;
/** A server that says nothing for so long is away, whatever the connection says. */
const PATIENCE_MS = 15_000;

/** @param {string} name of a route of the live page */
const route = (name) => new URL(name, import.meta.url);

/** @type {EventSource | null} */
let source = null;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;
let failures = 0;
let isPaused = false;
/** @type {(snapshot: Snapshot) => void} */
let take = () => {};
/** @type {(state: State) => void} */
let tell = () => {};

/**
 * Begins to follow. A page that is hidden costs the server nothing.
 * @param {(snapshot: Snapshot) => void} onSnapshot
 * @param {(state: State) => void} onState
 */
export function follow(onSnapshot, onState) {
  [take, tell] = [onSnapshot, onState];
  document.addEventListener("visibilitychange", open);
  window.addEventListener("pagehide", close);
  // As it was left: with the way back, a browser shows a page that it has kept.
  window.addEventListener("pageshow", ({ persisted }) => persisted && open());
  window.addEventListener("online", open);
  open();
}

/** @param {boolean} paused Nothing is asked for meanwhile. */
export function pause(paused) {
  isPaused = paused;
  if (paused) tell("paused");
  open();
}

/** Opens the stream again, at once. */
export function open() {
  close();
  if (isPaused || document.hidden) return;
  const opened = new EventSource(route("events"));
  opened.onmessage = ({ data }) => receive(JSON.parse(data));
  opened.onerror = () => void failed(opened);
  source = opened;
  beginPatience();
  if (failures === 0) tell("connecting");
}

function close() {
  clearTimeout(timer);
  source?.close();
  source = null;
}

function beginPatience() {
  clearTimeout(timer);
  timer = setTimeout(wait, PATIENCE_MS);
}

function receive(/** @type {Snapshot} */ snapshot) {
  if (snapshot.version !== VERSION) return end("outdated");
  failures = 0;
  beginPatience();
  tell("live");
  take(snapshot);
}

function end(/** @type {State} */ state) {
  close();
  tell(state);
}

async function failed(/** @type {EventSource} */ opened) {
  const isRefused = opened.readyState === EventSource.CLOSED;
  if (!isRefused) return wait();
  // An EventSource does not say with which status it was refused.
  const response = await fetch(route("figures")).catch(() => null);
  if (source !== opened) return;
  if (response?.status === 401) return end("login");
  if (response?.status === 403) return end("elsewhere");
  if (response?.status === 404) return end("off");
  wait();
  // The server has too many streams, but figures for those who ask from time to time.
  if (response?.ok) take(await response.json());
}

function wait() {
  close();
  tell("waiting");
  // Apart from each other, since all pages notice the end of a server at once.
  const most = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** failures);
  failures += 1;
  timer = setTimeout(open, most / 2 + (most / 2) * Math.random());
}

/**
 * Logs in for this browser: the server sets a cookie.
 * @param {string} token
 * @returns {Promise<string>} what went wrong; nothing if it is empty
 */
export async function logIn(token) {
  const response = await post("login", { token }).catch(() => null);
  if (!response) return "The server cannot be reached. Try again.";
  if (response.status === 401) return "This is not the token of this application.";
  if (!response.ok) return `The server responded with ${response.status}. Try again.`;
  failures = 0;
  open();
  return "";
}

/** Ends the login of this browser. */
export async function logOut() {
  await post("logout", {}).catch(() => null);
  open();
}

/**
 * Asks the database how it would run a statement.
 * @param {string} database its name
 * @param {string} statement its id
 * @returns {Promise<string>} the plan, or why there is none
 */
export async function planOf(database, statement) {
  const response = await post("plan", { database, statement }).catch(() => null);
  if (!response) return "The server cannot be reached. Try again.";
  const body = await response.json().catch(() => ({}));
  return String(body.plan ?? body.detail ?? body.title ?? `The server responded with ${response.status}.`);
}

/** @param {string} name @param {object} body */
function post(name, body) {
  const headers = { "Content-Type": "application/json" };
  return fetch(route(name), { method: "POST", headers, body: JSON.stringify(body) });
}
