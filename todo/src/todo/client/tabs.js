/** What the tabs of this browser tell each other. */

/** @import { Message } from "./types.js" */

const channel = new BroadcastChannel("todo");

export const tell = (/** @type {Message} */ message) => channel.postMessage(message);

/** @param {(message: Message) => void} listener gets what other tabs tell */
export const listen = (listener) => channel.addEventListener("message", (event) => listener(event.data));
