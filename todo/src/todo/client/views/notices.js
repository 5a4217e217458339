/** What is said at the bottom: what happened, an outage, a login that ended, changes to look at. */
import { html, nothing } from "../library/lit-html/lit-html.js";
import { retryNow } from "../actions.js";
import { undo } from "../commands.js";
import { text } from "../messages.js";
import { current } from "../state.js";
import { change, ui } from "../ui.js";
import { icon } from "./icon.js";

export function notices() {
  const { login_over: isOver, conflicts, refusals } = current();
  const words = [conflicts.length && text.conflicts(conflicts.length), refusals.length && text.refused(refusals.length)];
  const disputes = words.filter(Boolean);
  return html`
    <div class="notices" role="region" aria-label=${text.notices}>
      ${isOver ? notice(text.login_over, text.login, () => change({ dialog: "login" })) : waiting()}
      ${disputes.length ? notice(disputes.join(" "), text.look, () => change({ dialog: "disputes" })) : nothing}
      ${ui.dialog ? nothing : toast()}
    </div>`;
}

/** @param {unknown} words @param {string} button @param {() => void} action */
const notice = (words, button, action) => html`
  <div class="notice" role="status"><p>${words}</p><button @click=${action}>${button}</button></div>`;

/** What happened last, and the way back. */
export const toast = () => ui.notice?.text ? html`
  <div class="notice toast"><p>${ui.notice.text}</p>
    ${ui.notice.undo ? html`<button @click=${undo}>${text.undo}</button>` : nothing}
  </div>` : nothing;

function waiting() {
  const { connection, queued } = current();
  if (connection.state === "online") return nothing;
  const seconds = Math.ceil((connection.retry_at - Date.now()) / 1000);
  const words = html`${icon("cloud")} ${text.reasons[connection.reason]} ${text.kept(queued)}
    ${connection.reason === "offline" ? nothing : html`<small aria-hidden="true">${text.next_try(seconds)}</small>`}`;
  return notice(words, text.retry, retryNow);
}
