"""The Todo client as a test drives it: by what a person sees, and by what its modules offer."""

from collections.abc import Sequence
from typing import Any, Self

from browser.visitors import SECONDS
from playwright.async_api import Page, expect
from staged import StagedAccount

CALL = """async ([module, name, given]) => {
  const { [name]: call } = await clientModule(module);
  return await call(...given);
}"""

STATE = """async () => {
  const { current } = await clientModule("state");
  const state = current();
  return {
    ...state,
    tasks: [...state.tasks.values()],
    tags: [...state.tags.values()],
    unsent: [...state.unsent],
  };
}"""

STORED = """async () => {
  const opening = indexedDB.open("todo");
  await new Promise((resolve) => (opening.onsuccess = resolve));
  const db = opening.result;
  const rows = {};
  for (const name of db.objectStoreNames) {
    const reading = db.transaction(name).objectStore(name).getAll();
    await new Promise((resolve) => (reading.onsuccess = resolve));
    rows[name] = reading.result;
  }
  db.close();
  return { ...rows, local: { ...localStorage }, session: { ...sessionStorage } };
}"""

SESSION = """async (part) => {
  const opening = indexedDB.open("todo");
  await new Promise((resolve) => (opening.onsuccess = resolve));
  const tx = opening.result.transaction("meta", "readwrite");
  const meta = tx.objectStore("meta");
  for (const [key, value] of Object.entries(part)) {
    const reading = meta.get(key);
    await new Promise((resolve) => (reading.onsuccess = resolve));
    meta.put(typeof value === "string" ? value : { ...reading.result, ...value }, key);
  }
  await new Promise((resolve) => (tx.oncomplete = resolve));
  opening.result.close();
  new BroadcastChannel("todo").postMessage({ kind: "reload" });
}"""


class Client:
    """One page of the Todo client."""

    def __init__(self, page: Page) -> None:
        self.page = page

    @classmethod
    async def of(cls, page: Page, account: StagedAccount) -> Self:
        """The page after this account has logged in, and with what it has."""
        client = cls(page)
        await client.log_in(account)
        await client.is_ready()
        return client

    async def log_in(self, account: StagedAccount) -> None:
        """Log in with the form."""
        await self.page.get_by_label("E-mail").fill(account.email)
        await self.page.get_by_label("Password", exact=True).fill(account.password)
        await self.page.get_by_role("button", name="Log in").click()

    async def tab(self) -> Self:
        """Another tab in the same browser."""
        page = await self.page.context.new_page()
        await page.goto("/")
        tab = type(self)(page)
        await tab.is_ready()
        return tab

    async def add(self, title: str) -> None:
        """Type a new task, and press Enter."""
        field = self.page.get_by_role("textbox", name="Add a task")
        await field.fill(title)
        await field.press("Enter")
        await expect(field).to_have_value("")

    async def call(self, module: str, function: str, *given: object) -> Any:
        """Call a function of one of the client's modules."""
        return await self.page.evaluate(CALL, [module, function, given])

    async def act(self, action: str, *given: object) -> Any:
        """Do something that has a function in `actions.js`."""
        return await self.call("actions", action, *given)

    async def keep_conflicts(self) -> None:
        """Let `settle` decide those of now, as a person who has not looked up yet."""
        await self.page.evaluate(
            """async () => {
              globalThis.kept = (await clientModule("state")).current().conflicts;
            }"""
        )

    async def settle(self, choice: str) -> None:
        """Decide all conflicts."""
        await self.page.evaluate(
            """async (choice) => {
              const { current } = await clientModule("state");
              const { settle } = await clientModule("actions");
              const conflicts = globalThis.kept ?? current().conflicts;
              for (const conflict of conflicts) settle(conflict, choice);
            }""",
            choice,
        )

    async def state(self) -> dict[str, Any]:
        """What is drawn."""
        return dict(await self.page.evaluate(STATE))

    async def titles(self) -> Sequence[str]:
        """The titles of all tasks, in any order."""
        return sorted(task["title"] for task in (await self.state())["tasks"])

    async def until(self, condition: str, given: object = None) -> None:
        """Wait until a condition in JavaScript, of `state` and `given`, is true."""
        await self.page.evaluate(
            f"""async ([given, ms]) => {{
              const {{ current, subscribe }} = await clientModule("state");
              const isTrue = (state) => {{ return {condition}; }};
              let stop = () => {{}};
              await new Promise((resolve, reject) => {{
                const look = () => isTrue(current()) && resolve();
                setTimeout(() => reject(new Error(JSON.stringify(current()))), ms);
                stop = subscribe(look);
                look();
              }});
              stop();
            }}""",
            [given, SECONDS * 1000],
        )

    async def is_saved(self) -> None:
        """Wait until the server has everything, and the page has everything of the server."""
        await self.until(
            "state.phase === 'in' && state.loaded && state.queued === 0"
            " && state.connection.state === 'online' && !state.login_over"
        )

    async def is_ready(self) -> None:
        """Wait until the window is drawn, too: its modules come after the login."""
        await self.is_saved()
        await expect(self.page.get_by_role("textbox", name="Add a task")).to_be_visible()

    async def come_back(self) -> None:
        """What a person does who looks at the page again: it asks what has changed."""
        await self.page.evaluate("() => dispatchEvent(new Event('focus'))")

    async def stored(self) -> dict[str, Any]:
        """Everything that the browser stores for the client."""
        return dict(await self.page.evaluate(STORED))

    async def spoil(self, **part: object) -> None:
        """Change what the browser stores about the login, as time or another device does."""
        await self.page.evaluate(SESSION, part)
