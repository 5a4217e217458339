/**
 * Serves the page without the network: one version of it, whole.
 *
 * The browser asks for this file again at each visit. When there is another version, all files of it
 * are stored, or none; the next visit gets it. Requests to the API go through: the page itself waits
 * for those.
 */

const worker = /** @type {any} */ (globalThis);
const SHELL = new URL("./", worker.location.href).href;
// The service fills in what is in braces.
const FOLDER = `${SHELL}client/{version}/`;
const FILES = "{files}".split(" ");
const MANIFEST = `${SHELL}manifest.webmanifest`;
/** The caches of other services at this origin are theirs. */
const OURS = `todo ${SHELL} `;
const CACHE = `${OURS}{version}`;

worker.addEventListener("install", (/** @type {any} */ event) => event.waitUntil(fill()));
worker.addEventListener("activate", (/** @type {any} */ event) => event.waitUntil(takeOver()));

worker.addEventListener("fetch", (/** @type {any} */ event) => {
  const { request } = event;
  const url = request.url.split(/[?#]/)[0];
  const isPage = request.mode === "navigate" && url === SHELL;
  if (request.method !== "GET" || !(isPage || url === MANIFEST || url.startsWith(FOLDER))) return;
  event.respondWith(stored(isPage ? `${FOLDER}index.html` : url, request));
});

async function fill() {
  const cache = await caches.open(CACHE);
  await cache.addAll([...FILES.filter((name) => !name.endsWith(".png")).map((name) => FOLDER + name), MANIFEST]);
  await worker.skipWaiting();
}

async function takeOver() {
  const others = (await caches.keys()).filter((name) => name.startsWith(OURS) && name !== CACHE);
  await Promise.all(others.map((name) => caches.delete(name)));
  await worker.clients.claim();
}

/** Browsers may throw away what is stored: then it comes from the network. */
async function stored(/** @type {string} */ url, /** @type {Request} */ request) {
  return (await caches.match(url, { cacheName: CACHE })) ?? fetch(request);
}
