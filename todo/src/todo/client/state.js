/** What is drawn. It is never changed in place. */

/** @import { State } from "./types.js" */

/** @type {State} */
let state = {
  phase: "starting",
  account: null,
  tasks: new Map(),
  tags: new Map(),
  loaded: false,
  queued: 0,
  unsent: new Set(),
  connection: { state: "online" },
  conflicts: [],
  refusals: [],
  login_over: false,
};

/** @type {Set<(state: State) => void>} */
const listeners = new Set();

export const current = () => state;

/**
 * Calls `listener` after each change.
 * @returns {() => void} how to stop
 */
export function subscribe(/** @type {(state: State) => void} */ listener) {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

export function update(/** @type {Partial<State>} */ part) {
  state = { ...state, ...part };
  announce();
}

/** To be called after a change of what the view shows besides the data, too. */
export function announce() {
  for (const listener of listeners) listener(state);
}
