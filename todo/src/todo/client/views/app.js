/** Draws the page: at the start, and once after each change of the data or of what is shown. */
import { render } from "../library/lit-html/lit-html.js";
import { text } from "../messages.js";
import { installOffline, isOutdated } from "../offline.js";
import { current, subscribe } from "../state.js";
import { change, changeFilter, focusLater, focusNow, ui } from "../ui.js";
import { entry, readEntry } from "./entry.js";

/** Days end and times pass while nothing else happens. */
const MINUTE = 60_000;
/** The next try is counted down. */
const SECOND = 1000;

const root = /** @type {HTMLElement} */ (document.getElementById("app"));
let isDue = false;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let ticking;
/** @type {typeof import("./inside.js") | null} */
let inside = null;
let isInsideComing = false;
/** @type {string | null} */
let drawn = null;

export function mount() {
  subscribe(draw);
  readAddress();
  document.addEventListener("input", fetchInside, { once: true });
  window.addEventListener("hashchange", readAddress);
  window.addEventListener("scroll", drawNow, { passive: true });
  window.addEventListener("resize", draw);
  setInterval(() => document.visibilityState === "visible" && draw(), MINUTE);
}

function readAddress() {
  readEntry();
  readView();
  inside?.suggestAgain();
  window.scrollTo(0, 0);
}

function readView() {
  if (inside) changeFilter({ view: inside.viewInAddress(), query: "" });
}

/** Reads what a person who is logged in needs, as soon as someone types: a visitor needs little. */
async function fetchInside() {
  if (inside || isInsideComing) return;
  isInsideComing = true;
  // What was shown once is shown again after a reload, also without the network.
  await installOffline();
  try {
    inside = await import("./inside.js");
    inside.listenToKeys();
    inside.onWidth(draw);
    readView();
  } catch {
    if (await isOutdated()) return location.reload();
    await new Promise((next) => setTimeout(next, SECOND));
  }
  isInsideComing = false;
  draw();
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
  if (!isEntry && !inside) return void fetchInside();
  const page = isEntry ? `entry ${ui.entry.page}` : "window";
  if (page !== drawn) begin(page);
  root.className = isEntry ? "outside" : "inside";
  const put = () => render(isEntry || !inside ? entry() : inside.mainWindow(), root);
  const form = document.activeElement?.closest("form");
  put();
  // What had the focus may be gone: the keys go on in its form.
  if (document.activeElement === document.body) form?.focus({ preventScroll: true });
  document.title = isEntry || !inside ? text.name : `${inside.titleOfView()} – ${text.name}`;
  inside?.openDialog();
  if (inside?.measure()) inside.drawInPlace(put);
  focusNow();
  clearTimeout(ticking);
  if (current().connection.state === "waiting") ticking = setTimeout(draw, SECOND);
}

/** @param {string} page Another page begins. */
function begin(page) {
  if (drawn === null) root.replaceChildren();
  drawn = page;
  if (page === "window") return inside?.takeUpDrafts();
  inside?.forgetAccount();
  change({ dialog: null, notice: null, selected: new Set(), selecting: false, editing: null });
  focusLater(".entry input");
}
