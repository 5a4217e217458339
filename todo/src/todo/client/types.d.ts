// The shapes that the client's modules pass to each other. Checked by `tsc`, never sent to a browser.

export type Priority = "low" | "medium" | "high" | "urgent";

/** A tag as a task carries it. `color` is `#rrggbb`. */
export interface TagRef { id: string; name: string; color: string; }

/** As the API returns it, so also in `changes`. */
export interface Task {
  id: string;
  title: string;
  description: string | null;
  priority: Priority;
  /** A day, `2030-01-31`, or a moment in UTC, `2030-01-31T16:00:00Z`; null for neither. */
  due_date: string | null;
  completed: boolean;
  completed_at: string | null;
  tags: TagRef[];
  /** The manual order: compare with `<`. */
  position: string;
  created_at: string;
  updated_at: string;
  etag: string;
}

export interface Tag { id: string; name: string; color: string; created_at: string; updated_at: string; etag: string; }

export interface Account { id: string; email: string; name: string | null; created_at: string; }
export interface Login { id: string; is_current: boolean; device: string | null; network: string | null; created_at: string; last_used_at: string; expires_at: string; }
export interface ApiToken { id: string; name: string; scope: "read" | "write"; created_at: string; last_used_at: string | null; expires_at: string | null; }

/** What a person can type into a task, without space around it. Tags are names; missing ones are created. */
export interface TaskFields { title: string; description: string | null; priority: Priority; due_date: string | null; tags: string[]; }

/** Where a task goes in the manual order. */
export type Move = { before: string } | { after: string } | { to: "first" | "last" };

/** One write that is queued in the browser until the server has taken it. */
export interface Operation {
  /** Its place in the queue: a key of IndexedDB, ascending. */
  number?: number;
  /** Also its Idempotency-Key. */
  key: string;
  /** The id of the account that it belongs to. */
  account: string;
  /** When the person did it, in ISO format. */
  at: string;
  kind: "create" | "change" | "complete" | "delete" | "restore" | "move" | "bulk" | "create-tag" | "change-tag" | "delete-tag";
  /** The object's id; none for `bulk`. */
  id?: string;
  /** What is sent. */
  body?: unknown;
  /** The object as the person saw it when they changed it: for If-Match, to find what differs, and to show both. */
  base?: Task | Tag;
  /** Those of a bulk restoration, in the order of its ids. */
  bases?: Task[];
}

/** Someone else changed what this person changed, too: both are shown, and the person decides. */
export interface Conflict {
  operation: Operation;
  /** What this person wrote. */
  mine: Partial<TaskFields & { completed: boolean }>;
  /** What the server has now; null if it was deleted there. */
  theirs: Task | null;
}

/** The server refused what was typed: it stays here until the person has taken it back or thrown it away. */
export interface Refusal { operation: Operation; title: string; detail: string; }

export type Connection =
  | { state: "online" }
  /** `retry_at` is a time in ms of the clock. `reason` names the key of the message. */
  | { state: "waiting"; retry_at: number; reason: "offline" | "unreachable" | "unavailable" };

export interface State {
  /** `starting` until the browser's storage is read; `out` without a login. */
  phase: "starting" | "out" | "in";
  account: Account | null;
  /** The server's state with the queued operations applied on top: what is drawn. */
  tasks: ReadonlyMap<string, Task>;
  tags: ReadonlyMap<string, Tag>;
  /** False until the first `changes` have been read (nothing was stored before). */
  loaded: boolean;
  /** How many operations wait in the queue. */
  queued: number;
  /** Ids of tasks with operations in the queue. */
  unsent: ReadonlySet<string>;
  connection: Connection;
  conflicts: Conflict[];
  refusals: Refusal[];
  /** Whether the login ended elsewhere: typed things are kept, and the person logs in again. */
  login_over: boolean;
}

/** The outcome of a form that is sent at once (log in, change the password): `problem` has the server's words. */
export type Outcome<T = void> = { ok: true; value: T } | { ok: false; problem: Problem };
/** `status` is 0 if the server could not be reached. */
export interface Problem { status: number; type: string; title: string; detail: string; errors: { field: string; message: string; code: string }[]; retry_after: number | null; }

// ---- state.js -------------------------------------------------------------------------------------
export interface StateModule {
  /** The present state. Never changed in place: compare by `===`. */
  current(): State;
  /** Calls `listener` after each change. Returns how to stop. */
  subscribe(listener: (state: State) => void): () => void;
}

// ---- actions.js: each shows its effect at once, stores the operation, and returns without waiting for the network.
export interface ActionsModule {
  /** Returns the id, chosen here. New tasks are last in the manual order. */
  createTask(fields: Partial<TaskFields> & { title: string }): string;
  /** `base` is the task as it was when the person began to type, if that is not its present state. */
  changeTask(id: string, fields: Partial<TaskFields>, base?: Task): void;
  completeTask(id: string, completed: boolean): void;
  deleteTask(id: string): void;
  /** Undoes their deletion. */
  restoreTasks(tasks: Task[]): void;
  moveTask(id: string, move: Move): void;
  /** In parts of at most 1,000 tasks. */
  bulk(action: "complete" | "reopen" | "delete" | "restore", tasks: Task[]): void;
  createTag(name: string, color: string): void;
  changeTag(id: string, fields: { name?: string; color?: string }): void;
  deleteTag(id: string): void;
  /** `mine` sends mine again over theirs (or creates it again if it was deleted); `theirs` drops mine. */
  settle(conflict: Conflict, choice: "mine" | "theirs"): void;
  /** Throws the refused operation away. */
  dismiss(refusal: Refusal): void;
  /** Tries now instead of at `retry_at`. */
  retryNow(): void;
}

// ---- account.js: what is sent at once.
export interface AccountModule {
  register(form: { email: string; password: string; name?: string; invite?: string }): Promise<Outcome>;
  login(email: string, password: string): Promise<Outcome>;
  /** How many operations would be lost: `logout` asks nobody. It clears everything stored in this browser, in all tabs. */
  unsentCount(): number;
  logout(): Promise<void>;
  forgotPassword(email: string): Promise<Outcome>;
  resetPassword(token: string, password: string): Promise<Outcome>;
  changePassword(current: string, next: string): Promise<Outcome>;
  changeProfile(form: { name?: string | null; email?: string; current_password?: string }): Promise<Outcome>;
  logins(cursor?: string): Promise<Outcome<{ items: Login[]; next_cursor: string | null }>>;
  endLogin(id: string): Promise<Outcome>;
  tokens(): Promise<Outcome<{ items: ApiToken[] }>>;
  createToken(form: { name: string; scope: "read" | "write"; expires_in_days?: number }): Promise<Outcome<ApiToken & { token: string }>>;
  revokeToken(id: string): Promise<Outcome>;
  exportAll(): Promise<Outcome<object>>;
  importFile(file: Blob): Promise<Outcome<{ tasks_created: number; tasks_unchanged: number; tags_created: number }>>;
  deleteAccount(password: string): Promise<Outcome>;
}

// ---- drafts.js: what is typed and not sent yet, kept over a reload; per tab where two tabs may type at once.
export interface DraftsModule {
  /** What was typed under this name (such as `new-task`), or null. Synchronous. */
  read(name: string): any;
  /** `null` forgets it. */
  write(name: string, fields: object | null): Promise<void>;
}

// ---- dates.js, select.js: pure.
export interface Filter {
  /** All open ones, those due today or before, later ones; a tag by its id. */
  view: "all" | "today" | "upcoming" | "no-date" | "completed" | { tag: string };
  query: string;
  priority: Priority | null;
  sort: "position" | "due_date" | "priority" | "created_at" | "title";
}
export interface SelectModule {
  /** The tasks of a view, in its order. Searching folds case and accents, and finds beginnings of words, as the API does. */
  select(state: State, filter: Filter, now: Date): Task[];
  counts(state: State, now: Date): { all: number; today: number; overdue: number; upcoming: number; "no-date": number; completed: number; tags: Map<string, number> };
}

// ---- Inside the data half -------------------------------------------------------------------------

/** A login of this browser. `expires_at` is when the access token does, in ms of the clock. */
export interface Session { account: Account; access_token: string; refresh_token: string; expires_at: number; is_over: boolean; }

/** An operation that waits for the person. */
export interface Held { operation: Operation; reason: "conflict" | "refusal"; title: string; detail: string; }

/** Everything that is stored of the account that is logged in. `version` counts the patches. */
export interface Stored { version: number; session: Session | null; since: string | null; tasks: Map<string, Task>; tags: Map<string, Tag>; queue: Operation[]; held: Held[]; }

/** One change of what is stored: all of it or nothing, in every tab in the same order. */
export interface Patch {
  /** Whose: another account's data stay as they are. */
  account: string;
  session?: Session;
  /** Whether tasks and tags that are not in here are forgotten. */
  is_everything?: boolean;
  tasks?: Task[];
  tags?: Tag[];
  deleted_task_ids?: string[];
  deleted_tag_ids?: string[];
  since?: string;
  queued?: Operation[];
  /** Keys of operations that leave the queue. */
  sent?: string[];
  held?: Held[];
  /** Keys of held operations that were decided; nothing happens if another tab decided one before. */
  settled?: string[];
}

/** What a tab has in a form; `fields` is null when it is sent or thrown away. */
export interface Draft { account: string; tab: string; name: string; fields: object | null; }

/** What tabs tell each other. */
export type Message =
  | { kind: "patch"; version: number; patch: Patch }
  | { kind: "reload" }
  | { kind: "read" }
  | { kind: "connection"; connection: Connection };

/** A response; `body` is undefined if it has none. */
export interface Reply { ok: boolean; status: number; body: any; problem: Problem; }
