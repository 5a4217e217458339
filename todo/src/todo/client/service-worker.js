/**
 * Serves the page without the network: the newest version if it comes in time, else the last one.
 *
 * Only the page and its files. Requests to the API go through: the page itself waits for those.
 */

const worker = /** @type {any} */ (globalThis);
const SHELL = new URL("./", worker.location.href).href;
const CACHE = "todo";
const PATIENCE_MS = 3_000;
const PATIENT_AGAIN_MS = 30_000;

/** Until when the cache comes first, since the network was too slow just now. */
let slowUntil = 0;

worker.addEventListener("install", () => worker.skipWaiting());
worker.addEventListener("activate", (/** @type {any} */ event) => event.waitUntil(worker.clients.claim()));

worker.addEventListener("message", (/** @type {any} */ event) => {
  event.waitUntil(fill([SHELL, ...event.data.filter(isFile)]));
});

worker.addEventListener("fetch", (/** @type {any} */ event) => {
  const { request } = event;
  const url = request.url.split(/[?#]/)[0];
  if (request.method !== "GET") return;
  if (request.mode === "navigate" && isPage(url)) event.respondWith(newest(event, SHELL, request));
  else if (isFile(url)) event.respondWith(newest(event, url, request));
});

const isPage = (/** @type {string} */ url) => [SHELL, `${SHELL}register`, `${SHELL}reset-password`].includes(url);

function isFile(/** @type {string} */ url) {
  return url.startsWith(`${SHELL}client/`) || url === `${SHELL}manifest.webmanifest`;
}

async function newest(/** @type {any} */ event, /** @type {string} */ key, /** @type {Request} */ request) {
  const cached = await (await caches.open(CACHE)).match(key, { ignoreVary: true });
  const coming = fetch(request).then((response) => stored(key, response));
  event.waitUntil(coming.catch(() => {}));
  if (!cached) return coming;
  const patience = slowUntil > Date.now() ? 0 : PATIENCE_MS;
  const late = new Promise((resolve) => setTimeout(resolve, patience, null));
  const response = await Promise.race([coming.catch(() => cached), late]);
  if (response === null) slowUntil = Date.now() + PATIENT_AGAIN_MS;
  return response?.ok ? response : cached;
}

async function stored(/** @type {string} */ key, /** @type {Response} */ response) {
  if (response.ok) await (await caches.open(CACHE)).put(key, response.clone());
  return response;
}

async function fill(/** @type {string[]} */ urls) {
  // The service has something else at the same address for those who do not ask for a page.
  const headers = { Accept: "text/html, */*" };
  await Promise.all(urls.map(async (url) => stored(url, await fetch(url, { headers }))));
}
