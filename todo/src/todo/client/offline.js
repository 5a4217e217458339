/** Makes the page work without the network, and installable. */

import { BASE } from "./api.js";

/** So long an installation may keep the window from being shown. */
const PATIENCE_MS = 10_000;

/** @type {Promise<unknown> | undefined} */
let installed;

/**
 * Waits until the page can start without the network, if it ever can: not on plain http from another
 * machine, for instance.
 */
export const installOffline = () => (installed ??= install().catch(() => {}));

async function install() {
  if (!navigator.serviceWorker) return;
  // What the page itself needs comes first.
  if (document.readyState !== "complete") await new Promise((next) => addEventListener("load", next));
  const url = new URL("service-worker.js", BASE).href;
  const types = /** @type {any} */ (globalThis).trustedTypes;
  const policy = types?.createPolicy("service-worker", { createScriptURL: () => url });
  const { active, waiting, installing } = await navigator.serviceWorker.register(policy?.createScriptURL("") ?? url);
  const first = waiting ?? installing;
  if (active || !first) return;
  await new Promise((next) => {
    first.addEventListener("statechange", () => ["activated", "redundant"].includes(first.state) && next(null));
    setTimeout(next, PATIENCE_MS);
  });
}

/** Whether the service has another version by now, and not the files of this one. */
export const isOutdated = () =>
  fetch(import.meta.url, { method: "HEAD", cache: "no-store" }).then(({ status }) => status === 404, () => false);
