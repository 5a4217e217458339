/** The API by the functions of orval. */
import * as api from "../generated/orval";
import { expect, newEmail, password, unreachable } from "./expect";

function reason(problem: api.PreconditionFailed | api.NotFoundTask): string {
  switch (problem.type) {
    case "urn:todo:changed-meanwhile":
      return "read it again";
    case "urn:todo:task-not-found":
      return "it is gone";
    default:
      return unreachable(problem);
  }
}

const email = newEmail();
const registered = await api.register({ email, password });
expect(registered.status === 201 && registered.data.email === email, "register");
const login = await api.login({ username: email, password });
expect(login.status === 200, "log in");
const authorization = { Authorization: `Bearer ${login.data.access_token}` };

const created = await api.createTask(
  "me",
  { title: "Buy milk", priority: "high", tags: ["home", "shop"] },
  { headers: { ...authorization, "Idempotency-Key": crypto.randomUUID() } },
);
expect(created.status === 201, "create");
const task: api.TaskRead = created.data;
const due: string | null = task.due_date;
expect(due === null && task.tags.map((tag) => tag.name).join() === "home,shop", "its fields");

const listed = await api.listTasks(
  "me",
  { tag: ["shop"], priority: ["high"], completed: false, sort: "title" },
  { headers: authorization },
);
expect(listed.status === 200 && listed.data.items.length === 1, "list");

const headers = { ...authorization, "If-Match": task.etag };
const changed = await api.changeTask("me", task.id, { title: "Buy bread" }, { headers });
expect(changed.status === 200 && changed.data.title === "Buy bread", "change");
const refused = await api.changeTask("me", task.id, { title: "Too late" }, { headers });
expect(refused.status === 412, "a change of an earlier state");
expect(reason(refused.data) === "read it again", "its reason");

const invalid = await api.createTask("me", { title: "" }, { headers: authorization });
expect(invalid.status === 422 && invalid.data.errors?.[0]?.field === "body.title", "its field");

const deleted = await api.deleteTask("me", task.id, { headers: authorization });
expect(deleted.status === 204, "delete");
const gone = await api.readTask("me", task.id, { headers: authorization });
expect(gone.status === 404 && reason(gone.data) === "it is gone", "read what is gone");
console.log("orval: all as expected");
