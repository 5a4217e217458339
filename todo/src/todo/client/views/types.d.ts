// What the view keeps besides the data. Checked by `tsc`, never sent to a browser.
import type { Filter, Priority, Task } from "../types";

/** A task as it is typed: days and times as their inputs have them, "" for none. */
export interface Draft { title: string; description: string; priority: Priority; day: string; time: string; tags: string[]; tag: string; }

export interface Editing { id: string; base: Task; draft: Draft; }

/** A row that is carried: where its top is in the list, and which place it would get. */
export interface Dragging { id: string; top: number; index: number; }

export interface Notice { text: string; undo: (() => void) | null; }

export type DialogName = "menu" | "help" | "tags" | "account" | "disputes" | "login" | "logout";

/** The pages without a login; `secret` is the token or the invite of a link. */
export interface Entry { page: "login" | "register" | "forgot" | "reset"; secret: string; }

export interface Ui {
  filter: Filter;
  entry: Entry;
  dialog: DialogName | null;
  /** The row that the keys work on. */
  focused: string | null;
  selected: ReadonlySet<string>;
  /** Whether each row shows a box to select it. */
  selecting: boolean;
  editing: Editing | null;
  adding: Draft;
  dragging: Dragging | null;
  notice: Notice | null;
  /** What happened, for screen readers. */
  said: string;
  /** Whether letters alone are shortcuts. */
  letters: boolean;
}
