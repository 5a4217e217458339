/** The API by the types of openapi-typescript and by openapi-fetch. */
import createClient from "openapi-fetch";

import type { components, paths } from "../generated/todo";
import { baseUrl, expect, newEmail, password, unreachable } from "./expect";

type Schemas = components["schemas"];

const api = createClient<paths>({ baseUrl });
const path = { user_id: "me" } as const;

/** What a change was refused for; each type of each status is known. */
function reason(problem: Schemas["PreconditionFailed"] | Schemas["NotFoundTask"]): string {
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
const registered = await api.POST("/api/auth/register", { body: { email, password } });
expect(registered.data?.email === email, "register");
const login = await api.POST("/api/auth/login", {
  body: { username: email, password, grant_type: "password" },
  headers: { "Content-Type": "application/x-www-form-urlencoded" },
});
expect(login.data !== undefined, "log in");
const token: string = login.data.access_token;
api.use({ onRequest: ({ request }) => request.headers.set("Authorization", `Bearer ${token}`) });

const created = await api.POST("/api/{user_id}/tasks", {
  params: { path, header: { "idempotency-key": crypto.randomUUID() } },
  body: { title: "Buy milk", priority: "high", completed: false, tags: ["home", "shop"] },
});
expect(created.data !== undefined, "create");
const task: Schemas["TaskRead"] = created.data;
const due: string | null = task.due_date;
expect(due === null && task.tags.map((tag) => tag.name).join() === "home,shop", "its fields");

const listed = await api.GET("/api/{user_id}/tasks", {
  params: { path, query: { tag: ["shop"], priority: ["high"], completed: false, sort: "title" } },
});
expect(listed.data?.items.length === 1 && listed.data.next_cursor === null, "list");

const one = { path: { ...path, task_id: task.id }, header: { "if-match": task.etag } };
const changed = await api.PATCH("/api/{user_id}/tasks/{task_id}", {
  params: one,
  body: { title: "Buy bread" },
});
expect(changed.data?.title === "Buy bread", "change");
const refused = await api.PATCH("/api/{user_id}/tasks/{task_id}", {
  params: one,
  body: { title: "Too late" },
});
expect(refused.error?.status === 412, "a change of an earlier state");
expect(reason(refused.error) === "read it again", "its reason");

const invalid = await api.POST("/api/{user_id}/tasks", {
  params: { path },
  body: { title: "", priority: "high", completed: false, tags: [] },
});
expect(invalid.error?.status === 422, "an empty title");
expect(invalid.error.errors?.[0]?.field === "body.title", "its field");

const deleted = await api.DELETE("/api/{user_id}/tasks/{task_id}", {
  params: { path: one.path },
});
expect(deleted.response.status === 204, "delete");
const gone = await api.GET("/api/{user_id}/tasks/{task_id}", { params: { path: one.path } });
expect(gone.error?.status === 404 && reason(gone.error) === "it is gone", "read what is gone");
console.log("openapi-typescript and openapi-fetch: all as expected");
