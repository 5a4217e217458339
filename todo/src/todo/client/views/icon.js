/** The icons: lines on a square of 24, in the colour of the text. */
import { svg, html } from "../library/lit-html/lit-html.js";

const paths = {
  menu: svg`<path d="M4 7h16M4 12h16M4 17h16" />`,
  search: svg`<circle cx="11" cy="11" r="6.5" /><path d="m16 16 4.5 4.5" />`,
  close: svg`<path d="m6 6 12 12M18 6 6 18" />`,
  check: svg`<path d="m6.5 12.5 3.5 3.5 7.5-8" />`,
  plus: svg`<path d="M12 5v14M5 12h14" />`,
  all: svg`<path d="M9 6h11M9 12h11M9 18h11M4.5 6h.01M4.5 12h.01M4.5 18h.01" />`,
  today: svg`<rect x="4" y="5" width="16" height="15" rx="3" /><path d="M4 10h16M8 3v4M16 3v4M12 14v3" />`,
  upcoming: svg`<rect x="4" y="5" width="16" height="15" rx="3" /><path d="M4 10h16M8 3v4M16 3v4M9 15h6m-2-2 2 2-2 2" />`,
  "no-date": svg`<path d="M4 13h4.5l1.5 3h4l1.5-3H20M6.5 5h11L20 13v4a2 2 0 0 1-2 2H6a2 2 0 0 1-2-2v-4z" />`,
  completed: svg`<circle cx="12" cy="12" r="8.5" /><path d="m8 12.5 3 3 5.5-6" />`,
  edit: svg`<path d="M4 20h4L19 9l-4-4L4 16zM13.5 6.5l4 4" />`,
  grip: svg`<path d="M9 6h.01M9 12h.01M9 18h.01M15 6h.01M15 12h.01M15 18h.01" />`,
  flag: svg`<path d="M6 21V4h11l-2 4 2 4H6" />`,
  notes: svg`<path d="M5 7h14M5 12h14M5 17h8" />`,
  up: svg`<path d="m6 14 6-6 6 6" />`,
  down: svg`<path d="m6 10 6 6 6-6" />`,
  trash: svg`<path d="M5 7h14M10 4h4M7 7l1 13h8l1-13" />`,
  person: svg`<circle cx="12" cy="8.5" r="4" /><path d="M4.5 20c1.2-3.8 4-5.5 7.5-5.5s6.3 1.7 7.5 5.5" />`,
  cloud: svg`<path d="M7 18a4 4 0 0 1-.5-8A6 6 0 0 1 18 9.5a4.3 4.3 0 0 1-1 8.5z" />`,
  help: svg`<rect x="3" y="6" width="18" height="12" rx="2.5" /><path d="M7 10h.01M11 10h.01M15 10h.01M8 14h8" />`,
};

/** @param {keyof typeof paths} name */
export const icon = (name) => html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true">${paths[name]}</svg>`;

/** An icon that says something. @param {keyof typeof paths} name @param {string} words @param {string} kind A class. */
export const mark = (name, words, kind = "") => html`
  <span class=${kind} title=${words}>${icon(name)}<span class="unseen">${words}</span></span>`;

/** @param {keyof typeof paths} name @param {string} label @param {() => void} action */
export const iconButton = (name, label, action) => html`
  <button type="button" class="round" aria-label=${label} @click=${action}>${icon(name)}</button>`;
