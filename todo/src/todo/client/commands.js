/** What a person does to tasks, with a word about it and a way back. */
import { bulk, changeTask, completeTask, createTask, deleteTask, moveTask, restoreTasks } from "./actions.js";
import { changesOf, draftOf, fieldsIn, keepEditing, keepNew } from "./draft.js";
import { text } from "./messages.js";
import { fieldsOf } from "./operations.js";
import { current } from "./state.js";
import { change, focusLater, focusRow, rowSelector, say, shown, ui } from "./ui.js";

/**
 * @typedef {import("./types").Task} Task
 * @typedef {import("./types").Priority} Priority
 */

const NOTICE_MS = 4000;
const UNDO_MS = 10_000;
let timer = 0;

/** @param {string} said @param {(() => void) | null} undo */
export function notify(said, undo = null) {
  clearTimeout(timer);
  change({ notice: { text: said, undo }, said });
  timer = window.setTimeout(hideNotice, undo ? UNDO_MS : NOTICE_MS);
}

/** The way back is kept for the key: only the words go. */
export function hideNotice() {
  const isUsed = document.querySelector(".toast:hover, .toast:focus-within");
  if (isUsed) timer = window.setTimeout(hideNotice, NOTICE_MS);
  else if (ui.notice) change({ notice: { ...ui.notice, text: "" } });
}

export function undo() {
  const { notice } = ui;
  if (!notice?.undo) return;
  notice.undo();
  notify(text.undone);
}

/** @param {string[]} ids @returns {Task[]} */
const found = (ids) => ids.flatMap((id) => current().tasks.get(id) ?? []);

/** Where the keys go on if these tasks leave the list. @param {string[]} ids */
function focusNext(ids) {
  const isInList = document.activeElement?.closest(".rows, .bulk, .editor");
  const rows = shown();
  const from = rows.findIndex(({ id }) => ids.includes(id));
  const gone = new Set(ids);
  const next = rows.slice(from).find(({ id }) => !gone.has(id))
    ?? rows.slice(0, Math.max(from, 0)).findLast(({ id }) => !gone.has(id));
  return () => {
    change({ selected: new Set(), selecting: false, focused: next?.id ?? null });
    if (isInList) focusRow(next?.id);
  };
}

/** @param {string[]} ids @param {boolean} completed */
export function complete(ids, completed) {
  const tasks = found(ids).filter((task) => task.completed !== completed);
  if (tasks.length === 0) return;
  const goOn = focusNext(ids);
  setCompleted(tasks, completed);
  goOn();
  const word = completed ? text.completed : text.reopened;
  notify(word(tasks.length, tasks[0].title), () => setCompleted(tasks, !completed));
}

/** @param {Task[]} tasks @param {boolean} completed */
function setCompleted(tasks, completed) {
  if (tasks.length === 1) completeTask(tasks[0].id, completed);
  else bulk(completed ? "complete" : "reopen", tasks);
}

/** @param {string[]} ids */
export function remove(ids) {
  const tasks = found(ids);
  if (tasks.length === 0) return;
  const goOn = focusNext(ids);
  if (ui.editing && ids.includes(ui.editing.id)) keepEditing(null);
  if (tasks.length === 1) deleteTask(tasks[0].id);
  else bulk("delete", tasks);
  goOn();
  notify(text.deleted(tasks.length, tasks[0].title), () => restoreTasks(tasks));
}

/** @param {string} id @param {Priority} priority */
export function prioritize(id, priority) {
  changeTask(id, { priority });
  say(text.priorities[priority]);
}

/** @param {string} id @param {number} index Its new place in the present view. */
export function moveTo(id, index) {
  const others = shown().filter((task) => task.id !== id);
  if (index < 0 || index > others.length || others.length === 0) return;
  moveTask(id, index > 0 ? { after: others[index - 1].id } : { before: others[0].id });
  say(text.moved(index + 1, others.length + 1));
}

/** @param {string} id @param {number} steps */
export function moveBy(id, steps) {
  const index = shown().findIndex((task) => task.id === id);
  if (index >= 0) moveTo(id, index + steps);
}

export function add() {
  const fields = fieldsIn(ui.adding);
  if (fields.title === "") return;
  const id = createTask(fields);
  keepNew(null);
  change({ said: text.added(fields.title), focused: id });
}

/** @param {string} id */
export function edit(id) {
  if (ui.editing?.id === id) return;
  save();
  cancelEditing();
  const task = current().tasks.get(id);
  if (!task) return;
  keepEditing({ id, base: task, draft: draftOf(fieldsOf(task)) });
  change({ focused: id });
  focusLater(`${rowSelector(id)} [name=title]`);
}

/** Takes what is typed, if it is a task; nothing is lost otherwise. */
export function save() {
  const { editing } = ui;
  if (!editing || editing.draft.title.trim() === "") return;
  const changes = changesOf(editing.draft, editing.base);
  keepEditing(null);
  if (Object.keys(changes).length > 0) changeTask(editing.id, changes, editing.base);
}

export function cancelEditing() {
  const { editing } = ui;
  if (!editing) return;
  keepEditing(null);
  if (Object.keys(changesOf(editing.draft, editing.base)).length > 0) {
    notify(text.thrown_away, () => {
      keepEditing(editing);
      focusLater(`${rowSelector(editing.id)} [name=title]`);
    });
  }
}
