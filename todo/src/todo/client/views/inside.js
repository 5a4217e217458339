/** What only those see who are logged in: read when someone begins to log in, or is logged in. */
export { suggestAgain, takeUpDrafts } from "../draft.js";
export { listenToKeys } from "../keyboard.js";
export { forgetAccount } from "./account.js";
export { openDialog } from "./dialog.js";
export { drawInPlace, measure } from "./list.js";
export { titleOfView, viewInAddress } from "./sidebar.js";
export { mainWindow, onWidth } from "./window.js";
