/** The API by the functions of @hey-api/openapi-ts, checked by its zod schemas on both sides. */
import { client } from "../generated/hey-api/client.gen";
import * as api from "../generated/hey-api/sdk.gen";
import type { NotFoundTask, PreconditionFailed } from "../generated/hey-api/types.gen";
import { zPreconditionFailed, zTaskRead } from "../generated/hey-api/zod.gen";
import { baseUrl, expect, newEmail, password, unreachable } from "./expect";

const path = { user_id: "me" } as const;

function reason(problem: PreconditionFailed | NotFoundTask): string {
  switch (problem.type) {
    case "urn:todo:changed-meanwhile":
      return "read it again";
    case "urn:todo:task-not-found":
      return "it is gone";
    default:
      return unreachable(problem);
  }
}

client.setConfig({ baseUrl });
const email = newEmail();
const registered = await api.register({ body: { email, password } });
expect(registered.data?.email === email, `register: ${registered.error}`);
const login = await api.login({ body: { username: email, password } });
expect(login.data !== undefined, `log in: ${login.error}`);
client.setConfig({ baseUrl, auth: login.data.access_token });

const created = await api.createTask({
  path,
  headers: { "idempotency-key": crypto.randomUUID() },
  body: {
    title: "Buy milk",
    priority: "high",
    due_date: "2030-01-31T17:00:00+01:00",
    tags: ["home", "shop"],
  },
});
expect(created.data !== undefined, `create: ${created.error}`);
const task = zTaskRead.parse(created.data);
expect(task.due_date === "2030-01-31T16:00:00Z", "when it is due");
expect(task.tags.map((tag) => tag.name).join() === "home,shop", "its tags");

const listed = await api.listTasks({
  path,
  query: { tag: ["shop"], priority: ["high"], completed: false, sort: "title" },
});
expect(listed.data?.items.length === 1 && listed.data.next_cursor === null, "list");

const one = { path: { ...path, task_id: task.id }, headers: { "if-match": task.etag } };
const changed = await api.changeTask({ ...one, body: { title: "Buy bread" } });
expect(changed.data?.title === "Buy bread", `change: ${changed.error}`);
const refused = await api.changeTask({ ...one, body: { title: "Too late" } });
const problem = zPreconditionFailed.parse(refused.error);
expect(reason(problem) === "read it again", "a change of an earlier state");

const isSent = await api.createTask({ path, body: { title: "" } }).then(
  () => true,
  () => false,
);
expect(!isSent, "an empty title is refused before it is sent");

const deleted = await api.deleteTask({ path: one.path });
expect(deleted.response?.status === 204, "delete");
const gone = await api.readTask({ path: one.path });
expect(gone.error?.status === 404 && reason(gone.error) === "it is gone", "read what is gone");
console.log("@hey-api/openapi-ts with zod: all as expected");
