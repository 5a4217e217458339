/**
 * What browsers have on https and on localhost only: a page on plain http from another machine must
 * work, too.
 */

const LEASE_MS = 30_000;

/** @returns {string} a random UUID */
export function randomUUID() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (Number(bytes[6]) & 0x0f) | 0x40;
  bytes[8] = (Number(bytes[8]) & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

/**
 * Does something in one tab at a time.
 * @template T
 * @returns {Promise<T>}
 */
export async function exclusively(/** @type {string} */ name, /** @type {() => Promise<T>} */ work) {
  if (navigator.locks) return navigator.locks.request(name, work);
  const key = `todo lease ${name}`;
  const me = randomUUID();
  const renew = () => localStorage.setItem(key, JSON.stringify({ me, until: Date.now() + LEASE_MS }));
  const release = () => holder(key) === me && localStorage.removeItem(key);
  // Of two tabs that write at once, both see the later one when they look again.
  while (holder(key) !== me) {
    if (holder(key) === null) renew();
    await new Promise((resolve) => setTimeout(resolve, 50 + 50 * Math.random()));
  }
  const renewing = setInterval(renew, LEASE_MS / 6);
  addEventListener("pagehide", release);
  try {
    return await work();
  } finally {
    clearInterval(renewing);
    removeEventListener("pagehide", release);
    release();
  }
}

/** Names of the tabs that are open; none if the browser does not tell. */
export async function openTabs(/** @type {string} */ prefix) {
  if (!navigator.locks) return new Set();
  const { held = [], pending = [] } = await navigator.locks.query();
  const names = [...held, ...pending].map((lock) => lock.name ?? "");
  return new Set(names.filter((name) => name.startsWith(prefix)));
}

function holder(/** @type {string} */ key) {
  const { me = null, until = 0 } = JSON.parse(localStorage.getItem(key) ?? "{}");
  return until > Date.now() ? me : null;
}
