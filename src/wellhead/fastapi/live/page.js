/** The live page: follows the server, and lets people choose, pause and log in. */

/** @import { Database, Snapshot, State } from "./types.js" */

import { drawFigures, drawTables } from "./figures.js";
import { clock, count } from "./format.js";
import { remember } from "./history.js";
import { drawRows, fill, find, write } from "./rows.js";
import { follow, logIn, logOut, open, pause } from "./stream.js";

const LETTERS_OFF = "wellhead-letters-off";

/** @type {Record<State, string>} */
const SAYS = {
  connecting: "Connecting",
  live: "Live",
  waiting: "Waiting for the server; it is tried again",
  paused: "Paused",
  login: "Log in to see the figures",
  elsewhere: "Stopped: without a token the page is at localhost and at IP addresses only; set DATABASE_LIVE_PAGE_TOKEN",
  off: "Stopped: the server has no live page",
  outdated: "Stopped: the server has another version; reload the page",
};

const letters = /** @type {HTMLInputElement} */ (find("letters"));
const token = /** @type {HTMLInputElement} */ (find("token"));
const help = /** @type {HTMLDialogElement} */ (find("help"));

/** @type {Snapshot | null} */
let snapshot = null;
let isPaused = false;
let isDue = false;

/** @param {Snapshot} received */
function take(received) {
  snapshot = received;
  remember(received);
  // Once for all that came together.
  if (!isDue) requestAnimationFrame(draw);
  isDue = true;
}

function draw() {
  isDue = false;
  if (!snapshot) return;
  const { at, mode, login, processes, databases } = snapshot;
  const database = chosen(databases);
  find("figures").hidden = !database;
  find("leave").hidden = !login;
  fill(document, {
    processes: `${count(processes.answered)} of ${count(processes.expected)}: ${processes.how}`,
    deployment: mode,
    time: clock(Date.parse(at)),
  });
  drawChoice(databases, database);
  if (database) drawFigures(snapshot, database);
}

/** The database that the address names, or else the first. @param {Database[]} databases */
function chosen(databases) {
  const wanted = location.hash.slice(1);
  return databases.find(({ name }) => encodeURIComponent(name) === wanted) ?? databases[0];
}

/** @param {Database[]} databases @param {Database | undefined} chosen */
function drawChoice(databases, chosen) {
  find("choice").hidden = databases.length < 2;
  drawRows("databases", databases, ({ name }) => name, (row, { name }) => {
    const radio = /** @type {HTMLInputElement} */ (row.querySelector("input"));
    if (name === chosen?.name && !radio.checked) radio.checked = true;
    radio.onchange = () => location.replace(`#${encodeURIComponent(name)}`);
    fill(row, { name });
  });
}

/** @param {State} state */
function show(state) {
  const isLogin = state === "login";
  find("state").dataset.state = state;
  write(find("state"), SAYS[state]);
  find("again").hidden = state !== "waiting";
  find("pause").hidden = ["login", "elsewhere", "off", "outdated"].includes(state);
  find("login").hidden = !isLogin;
  if (isLogin) snapshot = null;
  if (isLogin) find("figures").hidden = find("leave").hidden = true;
  if (isLogin && document.activeElement === document.body) token.focus();
  find("figures").classList.toggle("stale", state !== "live" && state !== "connecting");
}

function togglePause() {
  isPaused = !isPaused;
  write(find("pause"), isPaused ? "Resume" : "Pause");
  pause(isPaused);
}

function toggleTables() {
  const tables = /** @type {HTMLDetailsElement[]} */ ([find("connections-table"), find("times-table")]);
  const isOpen = tables.every((table) => table.open);
  for (const table of tables) table.open = !isOpen;
}

/** @param {number} place */
function choose(place) {
  const database = snapshot?.databases[place];
  if (database) location.replace(`#${encodeURIComponent(database.name)}`);
}

/** @param {KeyboardEvent} event */
function press(event) {
  const { key, ctrlKey, metaKey, altKey } = event;
  const isTyping = event.target instanceof HTMLInputElement && event.target.type !== "radio";
  if (ctrlKey || metaKey || altKey || isTyping || !letters.checked || document.querySelector("dialog[open]")) return;
  if (key === "p" && !find("pause").hidden) togglePause();
  else if (key === "t") toggleTables();
  else if (key === "?") help.showModal();
  else if (/^[1-9]$/.test(key)) choose(Number(key) - 1);
}

find("pause").addEventListener("click", togglePause);
find("again").addEventListener("click", open);
find("leave").addEventListener("click", logOut);
find("keys").addEventListener("click", () => help.showModal());
letters.checked = localStorage.getItem(LETTERS_OFF) === null;
letters.addEventListener("change", () => {
  if (letters.checked) localStorage.removeItem(LETTERS_OFF);
  else localStorage.setItem(LETTERS_OFF, "");
});
find("login").addEventListener("submit", async (event) => {
  event.preventDefault();
  const wrong = await logIn(token.value);
  write(find("wrong"), wrong);
  if (wrong) token.select();
  else token.value = "";
});
for (const table of document.querySelectorAll("details")) table.addEventListener("toggle", drawTables);
document.addEventListener("keydown", press);
window.addEventListener("hashchange", draw);
follow(take, show);
