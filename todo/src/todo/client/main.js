/** Starts the page. */

import { show } from "./connection.js";
import { exchange, readElsewhere } from "./exchange.js";
import { keepLate, storeLate } from "./late.js";
import { installOffline } from "./offline.js";
import { receive, reload } from "./replica.js";
import { startSchedule } from "./schedule.js";
import { listen } from "./tabs.js";
import { mount } from "./views/app.js";

mount();
keepLate();
listen((message) => {
  if (message.kind === "patch") receive(message.version, message.patch);
  else if (message.kind === "reload") void reload();
  else if (message.kind === "connection") show(message.connection);
  else readElsewhere();
});
await storeLate();
await reload();
startSchedule();
void exchange({ changes: true });
void installOffline();
