"""Refresh tokens, exchanged by several at once: who gets what, and whose login ends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient, Response
from staged import StagedAccount, log_in, make_account, running
from test_idempotency_processes import connected
from writes import Connection

from todo.accounts.exchange import MOST_SPENT
from todo.accounts.exchange import exchange as exchange_query
from todo.accounts.service import Accounts
from todo.main import create_app
from todo.models import utc_now
from todo.settings import Settings
from wellhead import Database, DatabaseSettings

pytestmark = pytest.mark.wellhead(commit=True)

GRACE = timedelta(seconds=20)
BEFORE_ITS_END, AFTER_ITS_END = GRACE - timedelta(seconds=1), GRACE + timedelta(seconds=1)


class Clock:
    """The clock of a host, which only the test moves."""

    def __init__(self) -> None:
        self.time = utc_now()

    def __call__(self) -> datetime:
        return self.time

    def advance(self, by: timedelta) -> None:
        self.time += by


def set_clock(app: FastAPI, clock: Clock) -> None:
    accounts: Accounts = app.state.accounts
    accounts.tokens.now = clock


@pytest.fixture
def clock(app: FastAPI) -> Clock:
    clock = Clock()
    set_clock(app, clock)
    return clock


async def exchange(client: AsyncClient, token: str) -> Response:
    return await client.post("/api/auth/refresh", json={"refresh_token": token})


async def next_of(client: AsyncClient, token: str) -> str:
    """The refresh token that another one is exchanged for."""
    answer = await exchange(client, token)
    assert answer.status_code == 200, answer.text
    following: str = answer.json()["refresh_token"]
    return following


async def is_over(client: AsyncClient, token: str) -> bool:
    answer = await exchange(client, token)
    assert answer.status_code in {200, 401}, answer.text
    return answer.status_code == 401


@asynccontextmanager
async def second_host(
    settings: Settings, database: Database, clock: Clock
) -> AsyncIterator[AsyncClient]:
    """Another process of the application on the same database."""
    app = create_app(settings, Database(database.settings))
    set_clock(app, clock)
    async with running(app) as client:
        yield client


async def test_many_at_once_on_two_hosts_get_one_token_which_goes_on_later(
    client: AsyncClient,
    account: StagedAccount,
    settings: Settings,
    database: Database,
    clock: Clock,
) -> None:
    async with second_host(settings, database, clock) as other:
        tokens = set(
            await asyncio.gather(
                *(next_of(each, account.refresh_token) for each in [client, other] * 6)
            )
        )

    assert len(tokens) == 1
    clock.advance(timedelta(minutes=15))
    assert not await is_over(client, tokens.pop())


async def test_a_late_exchange_within_the_grace_gives_the_same_bytes(
    client: AsyncClient, account: StagedAccount, clock: Clock
) -> None:
    first = await exchange(client, account.refresh_token)
    clock.advance(BEFORE_ITS_END)
    second = await exchange(client, account.refresh_token)

    assert second.json()["refresh_token"] == first.json()["refresh_token"]
    assert second.json()["access_token"] != first.json()["access_token"]
    lived = BEFORE_ITS_END.total_seconds()
    assert first.json()["refresh_expires_in"] - second.json()["refresh_expires_in"] == lived


async def test_after_the_grace_it_ends_its_login_for_every_holder_and_no_other(
    client: AsyncClient, account: StagedAccount, clock: Clock
) -> None:
    other = await log_in(client, account.email, account.password)
    newer = await next_of(client, account.refresh_token)
    clock.advance(AFTER_ITS_END)

    assert await is_over(client, account.refresh_token)
    assert await is_over(client, newer)
    assert not await is_over(client, other["refresh_token"])


async def test_a_slow_tab_catches_up_with_a_chain_of_exchanges_and_stays_logged_in(
    client: AsyncClient, account: StagedAccount, clock: Clock
) -> None:
    newest = account.refresh_token
    for _ in range(3):
        newest = await next_of(client, newest)
        clock.advance(timedelta(seconds=6))

    slow = await next_of(client, account.refresh_token)

    assert slow == newest
    clock.advance(timedelta(minutes=15))
    assert await next_of(client, slow) == await next_of(client, newest)


async def test_the_grace_of_each_token_begins_with_its_own_exchange(
    client: AsyncClient, account: StagedAccount, clock: Clock
) -> None:
    second = await next_of(client, account.refresh_token)
    clock.advance(BEFORE_ITS_END)
    third = await next_of(client, second)
    clock.advance(BEFORE_ITS_END)

    assert await next_of(client, second) == third
    assert await is_over(client, account.refresh_token)


@pytest.mark.parametrize("seconds", [-5, 5])
async def test_hosts_whose_clocks_differ_a_little_agree(
    client: AsyncClient,
    account: StagedAccount,
    settings: Settings,
    database: Database,
    clock: Clock,
    seconds: int,
) -> None:
    clock_there = Clock()
    clock_there.time = clock.time + timedelta(seconds=seconds)
    async with second_host(settings, database, clock_there) as there:
        here_first = await next_of(client, account.refresh_token)
        assert await next_of(there, account.refresh_token) == here_first
        there_next = await next_of(there, here_first)
        assert await next_of(client, here_first) == there_next
        assert await next_of(client, account.refresh_token) == there_next
        for each in (clock, clock_there):
            each.advance(timedelta(minutes=15))
        assert not await is_over(client, there_next)


async def test_two_processes_give_one_token(wellhead_url: str) -> None:
    async with connected(wellhead_url) as one, connected(wellhead_url) as other:
        account = await make_account(one.client)
        tokens = await asyncio.gather(
            *(next_of(each.client, account.refresh_token) for each in [one, other] * 4)
        )

        assert len(set(tokens)) == 1
        assert await next_of(other.client, tokens[0]) == await next_of(one.client, tokens[0])


async def test_it_is_the_same_through_psycopg(
    account: StagedAccount, settings: Settings, clock: Clock, wellhead_url: str
) -> None:
    url = wellhead_url.replace("postgresql://", "postgresql+psycopg://", 1)
    database = Database(DatabaseSettings(url=url))
    async with second_host(settings, database, clock) as client:
        token = account.refresh_token
        for _ in range(3):
            token = await next_of(client, token)
        assert await next_of(client, account.refresh_token) == token
        other = await log_in(client, account.email, account.password)
        clock.advance(AFTER_ITS_END)
        assert await is_over(client, account.refresh_token)
        assert await is_over(client, token)
        assert not await is_over(client, other["refresh_token"])


class TestWithoutGrace:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"jwt_refresh_grace_seconds": 0})

    async def test_a_second_use_a_moment_later_ends_the_login(
        self, client: AsyncClient, account: StagedAccount, clock: Clock
    ) -> None:
        newer = await next_of(client, account.refresh_token)
        clock.advance(timedelta(milliseconds=1))

        assert await is_over(client, account.refresh_token)
        assert await is_over(client, newer)

    async def test_the_same_request_sent_again_is_no_second_use(
        self, app: FastAPI, account: StagedAccount, database: Database, clock: Clock
    ) -> None:
        accounts: Accounts = app.state.accounts
        token = accounts.tokens.read_refresh(account.refresh_token)
        values = {
            "login_id": token.login_id,
            "given": token.hash,
            "following": accounts.tokens.next_hash(token),
            "now": clock.time,
            "spent_since": clock.time,
            "lifetime": timedelta(days=7),
        }

        first = await exchange_query().one(database, **values)
        second = await exchange_query().one(database, **values)

        assert first == second
        assert not first.is_over


async def test_a_login_remembers_as_much_as_the_grace_needs_and_no_more_than_its_bound(
    client: AsyncClient, account: StagedAccount, clock: Clock, server: Connection
) -> None:
    async def remembered() -> int:
        number: int = await server.fetchval("SELECT cardinality(spent_hashes) FROM logins")
        assert number == await server.fetchval("SELECT cardinality(spent_at) FROM logins")
        return number

    token = account.refresh_token
    assert await remembered() == 0
    for _ in range(3):
        clock.advance(AFTER_ITS_END)
        token = await next_of(client, token)
        assert await remembered() == 1
    for _ in range(MOST_SPENT + 1):
        token = await next_of(client, token)

    assert await remembered() == MOST_SPENT


class TestRotation:
    """The secret is changed while tabs exchange one and the same token on old and new hosts."""

    OLD, NEW = (
        "old-0123456789abcdefghijklmnopqrstuvwxyz",
        "new-9876543210abcdefghijklmnopqrstuvwxyz",
    )

    def host(self, settings: Settings, key: str, *previous: str) -> Settings:
        return Settings(
            **{
                **settings.model_dump(),
                "jwt_secret_key": key,
                "jwt_previous_secret_keys": list(previous),
            }
        )

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return self.host(settings, self.OLD, self.NEW)

    async def test_every_exchange_gives_the_same_token_and_the_login_goes_on(
        self,
        client: AsyncClient,
        account: StagedAccount,
        settings: Settings,
        database: Database,
        clock: Clock,
    ) -> None:
        async with AsyncExitStack() as stack:
            new = await stack.enter_async_context(
                second_host(self.host(settings, self.NEW, self.OLD), database, clock)
            )
            token = account.refresh_token
            for first, second in [(client, new), (new, client)] * 2:
                following = await next_of(first, token)
                assert await next_of(second, token) == following
                token = following
            assert await next_of(new, account.refresh_token) == token
            assert await next_of(client, account.refresh_token) == token
            clock.advance(timedelta(minutes=15))
            token = await next_of(new, token)
            only_new = await stack.enter_async_context(
                second_host(self.host(settings, self.NEW), database, clock)
            )
            assert not await is_over(only_new, token)

    async def test_access_tokens_and_repeated_posts_are_recognised_on_both(
        self,
        client: AsyncClient,
        account: StagedAccount,
        settings: Settings,
        database: Database,
        clock: Clock,
    ) -> None:
        path, task = f"/api/{account.id}/tasks", {"title": "Buy milk"}
        headers = {**account.headers, "Idempotency-Key": "once"}
        async with second_host(self.host(settings, self.NEW, self.OLD), database, clock) as new:
            first = await client.post(path, json=task, headers=headers)
            second = await new.post(path, json=task, headers=headers)

        assert (first.status_code, second.status_code) == (201, 201)
        assert second.headers["Idempotency-Replayed"] == "true"
        assert second.content == first.content

    async def test_a_token_of_the_old_secret_is_refused_once_that_is_gone(
        self,
        account: StagedAccount,
        client: AsyncClient,
        settings: Settings,
        database: Database,
        clock: Clock,
    ) -> None:
        del client
        async with second_host(self.host(settings, self.NEW), database, clock) as only_new:
            answer = await exchange(only_new, account.refresh_token)

        assert (answer.status_code, answer.json()["type"]) == (401, "urn:todo:token-invalid")
