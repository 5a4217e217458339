/** Draws the page: at the start, and once after each change of the data or of what is shown. */
import { render } from "../library/lit-html/lit-html.js";
import { suggestAgain, takeUpDrafts } from "../draft.js";
import { listenToKeys } from "../keyboard.js";
import { text } from "../messages.js";
import { current, subscribe } from "../state.js";
import { change, changeFilter, focusLater, focusNow, onChange, ui } from "../ui.js";
import { forgetAccount } from "./account.js";
import { openDialog } from "./dialog.js";
import { entry, readEntry } from "./entry.js";
import { measure } from "./list.js";
import { titleOfView, viewInAddress } from "./sidebar.js";
import { mainWindow, onWidth } from "./window.js";

/** Days end and times pass while nothing else happens. */
const MINUTE = 60_000;
/** The next try is counted down. */
const SECOND = 1000;

const root = /** @type {HTMLElement} */ (document.getElementById("app"));
let isDue = false;
let ticking = 0;
/** @type {string | null} */
let drawn = null;

export function mount() {
  onChange(draw);
  subscribe(draw);
  listenToKeys();
  onWidth(draw);
  readAddress();
  window.addEventListener("hashchange", readAddress);
  window.addEventListener("scroll", drawNow, { passive: true });
  window.addEventListener("resize", draw);
  setInterval(() => document.visibilityState === "visible" && draw(), MINUTE);
}

function readAddress() {
  readEntry();
  changeFilter({ view: viewInAddress(), query: "" });
  suggestAgain();
  window.scrollTo(0, 0);
}

/** Changes that come together are drawn once. */
function draw() {
  if (isDue) return;
  isDue = true;
  queueMicrotask(drawNow);
}

function drawNow() {
  isDue = false;
  const { phase } = current();
  // What the page itself has is the beginning of the window.
  if (phase === "starting") return;
  const isEntry = phase === "out" || ui.entry.page === "reset";
  const page = isEntry ? `entry ${ui.entry.page}` : "window";
  if (page !== drawn) begin(page);
  root.className = isEntry ? "outside" : "inside";
  render(isEntry ? entry() : mainWindow(), root);
  document.title = isEntry ? text.name : `${titleOfView()} – ${text.name}`;
  openDialog();
  if (measure()) render(mainWindow(), root);
  focusNow();
  countDown();
}

/** @param {string} page Another page begins. */
function begin(page) {
  if (drawn === null) root.replaceChildren();
  drawn = page;
  if (page === "window") return takeUpDrafts();
  forgetAccount();
  change({ dialog: null, notice: null, selected: new Set(), selecting: false, editing: null });
  focusLater(".entry input");
}

function countDown() {
  const isWaiting = current().connection.state === "waiting";
  if (isWaiting && !ticking) ticking = window.setInterval(() => change({}), SECOND);
  if (isWaiting || !ticking) return;
  clearInterval(ticking);
  ticking = 0;
}
