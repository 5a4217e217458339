/**
 * Every text that a person reads, by language. Another language is another object of the same
 * type; counts go through `plural`, and days and times through `Intl`.
 */

const language = "en";
const rules = new Intl.PluralRules(language);

/** @param {number} count @param {{ one: string, other: string }} forms `#` is the number. */
const plural = (count, { one, other }) => (rules.select(count) === "one" ? one : other).replace("#", String(count));

const tasks = { one: "1 task", other: "# tasks" };
const changes = { one: "1 change", other: "# changes" };

/** The languages of the browser decide how a day is written: 31 Jan, or Jan 31. */
const locale = navigator.languages.find((each) => each.startsWith(language)) ?? language;
const weekday = new Intl.DateTimeFormat(locale, { weekday: "long" });
const near = new Intl.DateTimeFormat(locale, { weekday: "short", day: "numeric", month: "short" });
const far = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", year: "numeric" });
const clock = new Intl.DateTimeFormat(locale, { timeStyle: "short" });
const moment = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });

/**
 * @param {Date} day Midnight of it here.
 * @param {Date} now
 */
function dayText(day, now) {
  const start = new Date(now.getFullYear(), now.getMonth(), now.getDate());
  const away = Math.round((day.getTime() - start.getTime()) / 86_400_000);
  if (away === -1) return "Yesterday";
  if (away === 0) return "Today";
  if (away === 1) return "Tomorrow";
  if (away > 1 && away < 7) return weekday.format(day);
  return (day.getFullYear() === now.getFullYear() ? near : far).format(day);
}

const en = {
  name: "Todo",
  views: { all: "Tasks", today: "Today", upcoming: "Upcoming", "no-date": "No date", completed: "Completed" },
  empty: {
    all: "All done. Enjoy the rest of your day.",
    today: "Nothing is due today. Take a breath.",
    upcoming: "Nothing is coming up. The calendar is yours.",
    "no-date": "Every task has its day.",
    completed: "What you complete is kept here.",
    tag: "No open task has this tag.",
    search: "Nothing found. Try the beginning of a word.",
    first: "Welcome! What would you like to get done?",
  },
  priorities: { urgent: "Urgent", high: "High", medium: "Medium", low: "Low" },
  sorts: { position: "By hand", due_date: "Due date", priority: "Priority", created_at: "Newest", title: "Title" },
  /** @param {Date} day @param {Date | null} time @param {Date} now */
  due: (day, time, now) => dayText(day, now) + (time ? `, ${clock.format(time)}` : ""),

  menu: "Menu", views_label: "Views", notices: "Notices", close: "Close", cancel: "Cancel", save: "Save", undo: "Undo",
  search: "Search", help: "Keyboard and help", skip: "Skip to the tasks", loading: "Loading your tasks…",

  // Tasks.
  add: "Add a task", add_button: "Add", title: "Title", description: "Notes", priority: "Priority",
  any_priority: "Any priority", sort: "Sort", due_day: "Due day", due_time: "Time",
  no_due: "No due date", in_days: { 0: "Today", 1: "Tomorrow", 7: "In a week" },
  tags: "Tags", add_tag: "Add a tag", overdue: "Overdue", has_notes: "Has notes",
  unsent: "Not sent yet", delete: "Delete", move_up: "Move up", move_down: "Move down",
  /** @param {string} name */
  take_off: (name) => `Take off the tag ${name}`,
  /** @param {string} title */
  complete_task: (title) => `Complete: ${title}`,
  /** @param {string} title */
  select_task: (title) => `Select: ${title}`,
  /** @param {string} title */
  drag_task: (title) => `Move: ${title}`,
  /** @param {string} title */
  edit_task: (title) => `Edit: ${title}`,
  select: "Select", select_all: "Select all", complete: "Complete", reopen: "Reopen",
  done: "Done", clear_completed: "Delete all",
  /** @param {number} count */
  selected: (count) => `${count} selected`,

  // What happened.
  /** @param {string} title */
  added: (title) => `Added “${title}”`,
  /** @param {number} count @param {string} title */
  completed: (count, title) => `Completed ${count === 1 ? `“${title}”` : plural(count, tasks)}`,
  /** @param {number} count @param {string} title */
  reopened: (count, title) => `Reopened ${count === 1 ? `“${title}”` : plural(count, tasks)}`,
  /** @param {number} count @param {string} title */
  deleted: (count, title) => `Deleted ${count === 1 ? `“${title}”` : plural(count, tasks)}`,
  /** @param {number} place @param {number} count */
  moved: (place, count) => `Moved to place ${place} of ${count}`,
  undone: "Undone", thrown_away: "Your changes were thrown away", tag_deleted: "The tag was deleted", copied: "Copied",

  // The connection.
  /** @param {number} count */
  waiting: (count) => `${plural(count, changes)} to send`,
  saved: "Everything is saved",
  reasons: {
    offline: "You are offline.",
    unreachable: "The server cannot be reached.",
    unavailable: "The server is busy or being restarted.",
  },
  /** @param {number} count */
  kept: (count) => count
    ? `${plural(count, changes)} ${count === 1 ? "is" : "are"} kept here and sent later.`
    : "You can go on working; changes are kept here.",
  /** @param {number} seconds */
  next_try: (seconds) => seconds > 0 ? `Next try in ${seconds} s` : "Trying…",
  retry: "Try now", login_over: "Your login has ended. Log in again to send your changes.",

  // Conflicts and refusals.
  disputes: "Changes to look at",
  /** @param {number} count */
  conflicts: (count) =>
    plural(count, { one: "A task was changed elsewhere, too.", other: "# tasks were changed elsewhere, too." }),
  /** @param {number} count */
  refused: (count) =>
    plural(count, { one: "The server did not take a change.", other: "The server did not take # changes." }),
  look: "Look", mine: "Yours", theirs: "Theirs", keep_mine: "Keep yours", keep_theirs: "Keep theirs",
  gone: "It was deleted.", gone_here: "You deleted it.", none: "none", open: "open", take_back: "Edit again",
  throw_away: "Throw away",
  fields: {
    title: "Title", description: "Notes", priority: "Priority", due_date: "Due", tags: "Tags",
    completed: "State", name: "Name", color: "Colour",
  },

  // Tags.
  edit_tags: "Edit tags", tag_color: "Colour", new_tag: "New tag",
  no_tags: "Tags group tasks: errands, work, reading. Make the first one here.",
  /** @param {string} name */
  delete_tag: (name) => `Delete the tag ${name}`,
  /** @param {string} name */
  color_of: (name) => `Colour of ${name}`,
  /** @param {string} name */
  name_of: (name) => `Name of ${name}`,

  // Accounts.
  login: "Log in", register: "Create an account", forgot: "Forgot your password?",
  reset: "Choose a new password", email: "E-mail address", password: "Password",
  new_password: "New password", current_password: "Current password", your_name: "Name",
  optional: "optional", password_hint: "8 to 128 characters", show: "Show", hide: "Hide",
  have_account: "I have an account", send_link: "Send me a link", back_to_login: "Back to the login",
  invite: "Invite", invited: "You have an invite. Welcome!",
  link_sent: "If this address has an account, a link is on its way to it.",
  password_set: "Your password is changed. Log in with it.",
  account: "Account", profile: "Profile", logout: "Log out",
  changed: "Changed.", password_changed: "Changed. Your other logins have ended.",
  /** @param {number} count */
  logout_warning: (count) =>
    `${plural(count, changes)} ${count === 1 ? "has" : "have"} not been sent. Logging out throws ${count === 1 ? "it" : "them"} away.`,
  logout_anyway: "Log out and lose them", other_account: "Use another account",
  logins: "Logins", this_login: "This one", unknown_device: "Unknown device", end: "End", more: "More",
  /** @param {string} text */
  last_used: (text) => `last used ${moment.format(new Date(text))}`,
  /** @param {string} name */
  end_login: (name) => `End the login of ${name}`,
  api_tokens: "API tokens", token_name: "Name of the token", scope: "It may",
  scopes: { read: "read", write: "read and write" }, expires: "It lasts",
  lifetimes: { 30: "30 days", 365: "a year", 0: "until it is revoked" },
  create_token: "Create a token", revoke: "Revoke", copy: "Copy", never_used: "never used",
  token_once: "Copy it now: it is shown only this once.",
  /** @param {string} text */
  expires_at: (text) => `until ${far.format(new Date(text))}`,
  /** @param {string} name */
  revoke_token: (name) => `Revoke ${name}`,
  data: "Export and import", export: "Save everything as a file", import: "Import a file",
  /** @param {{ tasks_created: number, tasks_unchanged: number }} result */
  imported: (result) => `${plural(result.tasks_created, tasks)} imported, ${result.tasks_unchanged} already here.`,
  delete_account: "Delete the account",
  delete_account_warning: "Your account, and all tasks and tags in it, are deleted for good.",
  unreachable: "The server could not be reached. Try again in a moment.",

  // Help.
  letters: "Letters alone are shortcuts",
  keys: /** @type {[string, string][]} */ ([
    ["n", "Add a task"], ["/", "Search"], ["↓ ↑ or j k", "Next, previous task"],
    ["Enter or e", "Edit"], ["Space or c", "Complete"], ["Delete or #", "Delete"],
    ["1 2 3 4", "Priority: urgent to low"], ["Alt ↑ ↓", "Move by hand"],
    ["x", "Select"], ["Shift ↓ ↑", "Select further"], ["Ctrl A", "Select all"],
    ["z or Ctrl Z", "Undo"], ["g then a t u n c", "Tasks, Today, Upcoming, No date, Completed"],
    ["Ctrl Enter", "Save what is edited"], ["Escape", "Cancel, or end the selection"],
    ["?", "This help"],
  ]),
  about: "Your tasks are also kept in this browser. They are sent when the server can be reached.",
  api: "The API behind it",
};

export const text = en;
document.documentElement.lang = language;
