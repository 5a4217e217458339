/** Makes the page work without the network, and installable. */

const BASE = new URL("../", import.meta.url);

let isFirst = false;

/** Does nothing where the page is no secure context. */
export async function installOffline() {
  if (!navigator.serviceWorker) return;
  isFirst = navigator.serviceWorker.controller === null;
  await navigator.serviceWorker.register(/** @type {any} */ (trusted(new URL("service-worker.js", BASE).href)));
  await keep();
}

/** What came before the first service worker did is not in its cache. */
export async function keep() {
  if (!isFirst) return;
  const { active } = await navigator.serviceWorker.ready;
  active?.postMessage(performance.getEntriesByType("resource").map(({ name }) => name));
}

function trusted(/** @type {string} */ url) {
  const types = /** @type {any} */ (globalThis).trustedTypes;
  if (!types) return url;
  return types.createPolicy("service-worker", { createScriptURL: () => url }).createScriptURL(url);
}
