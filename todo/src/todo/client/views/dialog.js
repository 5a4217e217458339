/** What all dialogs have in common. */
import { html } from "../library/lit-html/lit-html.js";
import { text } from "../messages.js";
import { change, closeDialog } from "../ui.js";
import { freshForms } from "./form.js";
import { iconButton } from "./icon.js";
import { toast } from "./notices.js";

/** @param {string} title @param {unknown} content @param {string} kind A class of it. */
export const dialog = (title, content, kind = "") => html`
  <dialog class=${kind} aria-labelledby="dialog-title" @click=${closeBeside}
    @close=${() => { freshForms(); change({ dialog: null }); }}>
    <div class="sheet">
      <header>
        <h2 id="dialog-title">${title}</h2>
        ${iconButton("close", text.close, closeDialog)}
      </header>
      ${content}
    </div>
    ${toast()}
  </dialog>`;

/** The sheet covers the dialog, so a click on the dialog itself is one next to it. */
const closeBeside = (/** @type {Event} */ event) => event.target === event.currentTarget && closeDialog();

/** To be called after drawing. */
export function openDialog() {
  /** @type {HTMLDialogElement | null} */ (document.querySelector("dialog:not([open])"))?.showModal();
}
