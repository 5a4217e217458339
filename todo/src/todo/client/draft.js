/** A task as it is typed, as it is stored over a reload, and as it is sent. */
import { addDays, joinDue, splitDue, today } from "./dates.js";
import * as drafts from "./drafts.js";
import { fieldsOf } from "./operations.js";
import { PRIORITIES } from "./select.js";
import { current } from "./state.js";
import { blank, change, focusLater, keptFilter, ui } from "./ui.js";

/**
 * @typedef {import("./types").Task} Task
 * @typedef {import("./types").TaskFields} TaskFields
 * @typedef {import("./views/types").Draft} Draft
 * @typedef {import("./views/types").Editing} Editing
 */

const NEW = "new-task";
const EDITING = "editing";

/** @param {TaskFields} fields @returns {Draft} */
export function draftOf({ title, description, priority, due_date, tags }) {
  return { title, description: description ?? "", priority, ...splitDue(due_date), tags, tag: "" };
}

/** @param {Draft} draft @returns {TaskFields} */
export function fieldsIn(draft) {
  return {
    title: draft.title.trim(),
    description: draft.description.trim() || null,
    priority: draft.priority,
    due_date: joinDue(draft.day, draft.time),
    tags: withTag(draft.tags, draft.tag),
  };
}

/** What the draft changes of the task. @param {Draft} draft @param {Task} task */
export function changesOf(draft, task) {
  // A description with space around it is only changed by typing in it.
  const before = new Map(Object.entries(fieldsIn(draftOf(fieldsOf(task)))));
  const changed = Object.entries(fieldsIn(draft)).filter(
    ([name, value]) => JSON.stringify(value) !== JSON.stringify(before.get(name)),
  );
  return /** @type {Partial<TaskFields>} */ (Object.fromEntries(changed));
}

/** With a tag that is typed, if it is one more. @param {string[]} tags @param {string} typed */
export function withTag(tags, typed) {
  const name = typed.trim();
  const isThere = tags.some((each) => each.toLowerCase() === name.toLowerCase());
  return isThere || name === "" ? tags : [...tags, name];
}

/** A new task for the present view: due today in Today, with the tag of a tag. */
export function suggestion() {
  const { view, priority } = ui.filter;
  const draft = blank();
  if (priority) draft.priority = priority;
  if (view === "today") draft.day = today(new Date());
  if (view === "upcoming") draft.day = addDays(today(new Date()), 1);
  const tag = typeof view === "object" ? current().tags.get(view.tag) : undefined;
  if (tag) draft.tags = [tag.name];
  return draft;
}

/** In another view another day or tag is suggested, unless something is typed already. */
export function suggestAgain() {
  const { title, description, tag } = ui.adding;
  if (title + description + tag === "") keepNew(null);
}

/** @param {Draft | null} draft null begins the next one. */
export function keepNew(draft) {
  void drafts.write(NEW, draft);
  change({ adding: draft ?? suggestion() });
}

/** @param {Editing | null} editing */
export function keepEditing(editing) {
  void drafts.write(EDITING, editing);
  change({ editing });
}

/** What was typed before the page was loaded again. */
export function takeUpDrafts() {
  const adding = drafts.read(NEW);
  const editing = usable(drafts.read(EDITING));
  change({ filter: { ...ui.filter, ...keptFilter() }, adding: adding ? fitting(adding) : suggestion(), editing });
  if (editing) focusLater(".editor [name=title]");
  else if (ui.adding.title) focusLater("#new-task");
}

/** What fits of it: another version of the form may have stored it. @param {any} stored @returns {Draft} */
function fitting(stored) {
  const draft = /** @type {any} */ (blank());
  for (const [name, usual] of Object.entries(draft)) {
    const value = stored?.[name];
    const isText = typeof value === "string" && (name !== "priority" || PRIORITIES.some((each) => each === value));
    const isTexts = Array.isArray(value) && value.every((each) => typeof each === "string");
    if (Array.isArray(usual) ? isTexts : isText) draft[name] = value;
  }
  return draft;
}

/** @param {any} stored @returns {Editing | null} */
function usable(stored) {
  const task = current().tasks.get(stored?.id);
  if (!task) return null;
  const isTask = Object.keys(task).every((name) => name in Object(stored.base));
  return { id: task.id, base: isTask ? stored.base : task, draft: fitting(stored.draft) };
}
