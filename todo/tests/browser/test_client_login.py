"""The login of a browser: it is exchanged, it ends elsewhere, somebody else logs in, it is left."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

from browser.client import Client
from browser.findings import Findings
from httpx2 import AsyncClient
from playwright.async_api import Page, Request, expect
from staged import KEY, StagedAccount, make_account
from task_api import TaskAPI

from todo.accounts.tokens import Tokens


def expired(login: str, account: StagedAccount) -> str:
    """An access token of a login, from yesterday."""
    tokens = Tokens(
        key=KEY,
        algorithm="HS256",
        issuer="todo-api",
        audience="todo-api",
        access_lifetime=timedelta(minutes=15),
        refresh_lifetime=timedelta(days=7),
        refresh_grace=timedelta(seconds=20),
        now=lambda: datetime.now(UTC) - timedelta(days=1),
    )
    return tokens.issue_access(user_id=account.id, login_id=UUID(login))


async def end_other_logins(api: AsyncClient, person: StagedAccount) -> None:
    """End the login of the browser from another device."""
    listed = await api.get("/api/auth/logins", headers=person.headers)
    for login in listed.json()["items"]:
        if not login["is_current"]:
            await api.delete(f"/api/auth/logins/{login['id']}", headers=person.headers)


async def test_an_expired_token_is_exchanged_once_for_all_tabs(
    page: Page, person: StagedAccount, api: AsyncClient, findings: Findings
) -> None:
    findings.expect("status of 401")
    one = await Client.of(page, person)
    other = await one.tab()
    exchanges: list[Request] = []
    page.context.on(
        "request", lambda request: exchanges.append(request) if "refresh" in request.url else None
    )
    listed = await api.get("/api/auth/logins", headers=person.headers)
    (login,) = [login["id"] for login in listed.json()["items"] if not login["is_current"]]
    await one.spoil(session={"access_token": expired(login, person)})
    for client in (one, other):
        await client.call("replica", "reload")

    await asyncio.gather(*[client.add(f"Task {n}") for n, client in enumerate((one, other))])
    for client in (one, other):
        await client.until("state.tasks.size === 2 && state.queued === 0")

    assert len(exchanges) == 1
    assert sorted(await TaskAPI(api, person).titles()) == ["Task 0", "Task 1"]


async def test_after_a_login_that_ended_elsewhere_the_same_account_goes_on(
    page: Page, person: StagedAccount, api: AsyncClient, findings: Findings
) -> None:
    findings.expect("status of 401")
    client = await Client.of(page, person)
    await end_other_logins(api, person)
    await client.spoil(session={"expires_at": 0})
    await client.call("replica", "reload")

    await client.add("Typed before anybody knew")
    await client.until("state.login_over")
    await client.add("Typed while it was over")
    state = await client.state()
    assert (state["phase"], state["queued"]) == ("in", 2)
    await client.call("account", "login", person.email, person.password)
    await client.is_saved()

    assert sorted(await TaskAPI(api, person).titles()) == [
        "Typed before anybody knew",
        "Typed while it was over",
    ]


async def test_what_one_account_typed_waits_while_another_one_is_logged_in(
    page: Page, person: StagedAccount, api: AsyncClient, findings: Findings
) -> None:
    findings.expect("status of 401")
    stranger = await make_account(api)
    client = await Client.of(page, person)
    tab = await client.tab()
    await client.add("Mine, and sent")
    await client.is_saved()
    await end_other_logins(api, person)
    await client.spoil(session={"expires_at": 0})
    for each in (client, tab):
        await each.call("replica", "reload")
    await client.add("Mine, and typed")
    await client.until("state.login_over")

    await tab.call("account", "login", stranger.email, stranger.password)
    await tab.is_saved()
    await client.until("state.account.email === given", stranger.email)
    for each in (client, tab):
        assert await each.titles() == []
    await client.add("The stranger's")
    await client.is_saved()
    await client.call("account", "logout")
    await tab.until("state.phase === 'out'")
    await tab.call("account", "login", person.email, person.password)
    await tab.until("state.tasks.size === 2 && state.queued === 0")

    assert await tab.titles() == ["Mine, and sent", "Mine, and typed"]
    assert sorted(await TaskAPI(api, person).titles()) == ["Mine, and sent", "Mine, and typed"]
    assert await TaskAPI(api, stranger).titles() == ["The stranger's"]


async def test_a_logout_clears_everything_that_the_browser_has_in_all_tabs(
    page: Page, person: StagedAccount, findings: Findings
) -> None:
    findings.expect("net::ERR_")
    client = await Client.of(page, person)
    tab = await client.tab()
    await client.add("Sent")
    await client.is_saved()
    await tab.call("drafts", "write", "a form", {"title": "half"})
    await page.context.set_offline(True)
    await client.add("Waiting")
    assert await client.call("account", "unsentCount") == 1

    await client.call("account", "logout")
    for each in (client, tab):
        await each.until("state.phase === 'out' && state.tasks.size === 0 && state.queued === 0")
        await expect(each.page.get_by_role("button", name="Log in")).to_be_visible()

    stored = await client.stored()
    version = stored.pop("meta")
    assert all(isinstance(value, int) for value in version)
    assert not any(stored.values()), stored
    assert await tab.call("drafts", "read", "a form") is None


async def test_a_new_password_keeps_this_login_and_a_deleted_account_leaves_nothing(
    page: Page, person: StagedAccount, findings: Findings
) -> None:
    findings.expect("status of 403")
    client = await Client.of(page, person)
    fresh = "another horse battery staple"

    assert (await client.call("account", "changePassword", person.password, fresh))["ok"]
    await client.add("Still here")
    await client.is_saved()
    refused = await client.call("account", "deleteAccount", person.password)
    assert refused["problem"]["type"] == "urn:todo:password-wrong"
    assert (await client.call("account", "deleteAccount", fresh))["ok"]

    await client.until("state.phase === 'out'")
    stored = await client.stored()
    assert stored["tasks"] == stored["queue"] == []
