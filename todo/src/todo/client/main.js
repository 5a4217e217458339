/** Starts the page. */

import { start } from "./startup.js";
import { mount } from "./views/app.js";

mount();
void start();
