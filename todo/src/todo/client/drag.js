/** Moving a row with a mouse, a pen or a finger. */
import { moveTo } from "./commands.js";
import { change, isManual, rowSelector, shown, ui } from "./ui.js";
import { topsOf } from "./views/list.js";

/** So far is a click that trembles. */
const THRESHOLD = 5;
/** So near to the edge of the window, it scrolls. */
const EDGE = 80;

/** @param {PointerEvent} event @param {string} id */
export function startDragging(event, id) {
  if (event.button !== 0 || !isManual()) return;
  const grip = /** @type {HTMLElement} */ (event.currentTarget);
  const row = /** @type {HTMLElement} */ (document.querySelector(rowSelector(id)));
  const list = /** @type {HTMLElement} */ (row.parentElement);
  const held = event.clientY - row.getBoundingClientRect().top;
  const ended = new AbortController();
  const { signal } = ended;
  let y = event.clientY;
  let frame = 0;

  const follow = () => {
    const top = y - held - list.getBoundingClientRect().top;
    change({ dragging: { id, top, index: placeAt(id, top + row.offsetHeight / 2) } });
  };
  const scroll = () => {
    const step = Math.max(0, EDGE + y - window.innerHeight) - Math.max(0, EDGE - y);
    if (step !== 0) {
      window.scrollBy(0, step / 5);
      follow();
    }
    frame = requestAnimationFrame(scroll);
  };
  /** @param {PointerEvent} move */
  const move = (move) => {
    y = move.clientY;
    if (!ui.dragging && Math.abs(y - event.clientY) < THRESHOLD) return;
    if (!ui.dragging) frame = requestAnimationFrame(scroll);
    follow();
  };
  const end = (/** @type {boolean} */ isDropped) => {
    ended.abort();
    cancelAnimationFrame(frame);
    const { dragging } = ui;
    if (!dragging) return;
    // The click that follows would open the editor.
    window.addEventListener("click", stop, { capture: true, once: true });
    setTimeout(() => window.removeEventListener("click", stop, { capture: true }));
    change({ dragging: null });
    if (isDropped && shown()[dragging.index]?.id !== id) moveTo(id, dragging.index);
  };

  grip.setPointerCapture(event.pointerId);
  grip.addEventListener("pointermove", move, { signal });
  grip.addEventListener("pointerup", () => end(true), { signal });
  grip.addEventListener("pointercancel", () => end(false), { signal });
  document.addEventListener("keydown", ({ key }) => key === "Escape" && end(false), { signal, capture: true });
}

/** @param {Event} event */
const stop = (event) => event.stopPropagation();

/** The place of a row whose middle is there. @param {string} id @param {number} middle */
function placeAt(id, middle) {
  const others = shown().filter((task) => task.id !== id);
  const tops = topsOf(others);
  return others.filter((_, place) => (tops[place] + tops[place + 1]) / 2 < middle).length;
}
