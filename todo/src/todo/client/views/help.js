/** The help sheet: the keys. */
import { html } from "../library/lit-html/lit-html.js";
import { text } from "../messages.js";
import { changeLetters, ui } from "../ui.js";
import { dialog } from "./dialog.js";

export const help = () => dialog(text.help, html`
  <dl class="keys">
    ${text.keys.map(([keys, words]) => html`
      <div><dt>${words}</dt><dd>${keys.split(" ").map(keyView)}</dd></div>`)}
  </dl>
  <label class="option"><input type="checkbox" .checked=${ui.letters}
    @change=${() => changeLetters(!ui.letters)}> ${text.letters}</label>
  <p class="hint">${text.about} <a href="docs">${text.api}</a></p>`);

/** @param {string} key A key, or a word between two. */
const keyView = (key) => (["or", "then"].includes(key) ? html` ${key} ` : html`<kbd>${key}</kbd>`);
