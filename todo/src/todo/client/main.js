/** Starts the page. */

import { show } from "./connection.js";
import * as drafts from "./drafts.js";
import { exchange, readElsewhere } from "./exchange.js";
import { forgetLate, keepLate, late } from "./late.js";
import { installOffline } from "./offline.js";
import { notStored, receive, reload } from "./replica.js";
import { startSchedule } from "./schedule.js";
import * as storage from "./storage.js";
import { listen } from "./tabs.js";
import { mount } from "./views/app.js";

mount();
keepLate(() => ({ operations: notStored(), drafts: drafts.notStored() }));
listen((message) => {
  if (message.kind === "patch") receive(message.version, message.patch);
  else if (message.kind === "reload") void reload();
  else if (message.kind === "connection") show(message.connection);
  else readElsewhere();
});
await takeLate();
await reload();
startSchedule();
void exchange({ changes: true });
if (document.readyState === "complete") void installOffline();
else addEventListener("load", () => void installOffline());

async function takeLate() {
  for (const { operations, drafts } of late()) {
    for (const operation of operations) await storage.commit({ account: operation.account, queued: [operation] });
    for (const draft of drafts) await storage.putDraft(draft);
  }
  forgetLate();
}
