"""An hour of simulated time: two tabs, a phone that loses responses, and a thief.

Times are simulated, exchanges are real and run in parallel where they would.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient
from staged import add_account, log_in
from test_accounts_exchange import Clock, exchange, set_clock

from todo.accounts.service import Accounts

pytestmark = pytest.mark.wellhead(commit=True)

HOUR = timedelta(hours=1)
REFRESHED_EVERY = timedelta(minutes=4)
THEFT = timedelta(minutes=30)
GRACE_AND_MORE = timedelta(seconds=21)


@dataclass
class Device:
    """Something that is logged in, with the refresh token that it has stored."""

    name: str
    stored: str
    is_logged_in: bool = True


@dataclass
class Play:
    """What happens within the hour, and what is seen of it.

    Attributes:
        logged_out: Who was logged out, and when, in the order in which it happened.
        uses: How often the thief got a pair of tokens.
        exchanges: How often anybody else did.
    """

    client: AsyncClient
    clock: Clock
    chance: random.Random
    logged_out: list[tuple[str, timedelta]] = field(default_factory=list)
    uses: int = 0
    exchanges: int = 0

    async def run(
        self, browser: Device, phone: Device, others: list[Device], *, thief_is_first: bool
    ) -> None:
        """Play the hour: the thief steals what the browser has stored.

        Args:
            browser: Whose two tabs share one login.
            phone: Loses responses.
            others: Must not be touched.
            thief_is_first: Whether the thief uses it before its owner does, rather than later.
        """
        began = self.clock.time
        loot: str | None = None
        while (now := self.clock.time - began) < HOUR:
            if loot is not None:
                loot = await self.use(loot)
            elif now >= THEFT:
                loot = browser.stored
                if thief_is_first:
                    loot = await self.use(loot)
                self.clock.advance(GRACE_AND_MORE)
            await self.in_two_tabs(browser, now)
            await self.with_lost_responses(phone, now)
            for other in others:
                await self.exchange_of(other, other.stored, now)
            self.clock.advance(REFRESHED_EVERY * self.chance.uniform(0.5, 1))

    async def use(self, loot: str) -> str:
        stolen = await exchange(self.client, loot)
        if stolen.status_code == 401:
            return loot
        self.uses += 1
        following: str = stolen.json()["refresh_token"]
        return following

    async def in_two_tabs(self, browser: Device, now: timedelta) -> None:
        """Both tabs read the stored token; the slower one writes its own last."""
        read = browser.stored
        if self.chance.random() < 0.5:
            await asyncio.gather(*(self.exchange_of(browser, read, now) for _ in range(2)))
            return
        await self.exchange_of(browser, read, now)
        if self.chance.random() < 0.5:
            # And the faster one goes on in the meantime.
            self.pass_seconds(1, 6)
            await self.exchange_of(browser, browser.stored, now)
        self.pass_seconds(1, 13)
        await self.exchange_of(browser, read, now)

    async def with_lost_responses(self, phone: Device, now: timedelta) -> None:
        """The phone sends the same token again until a response arrives."""
        read = phone.stored
        for _ in range(self.chance.randrange(3)):
            await self.exchange_of(phone, read, now, arrives=False)
            self.pass_seconds(1, 9)
        await self.exchange_of(phone, read, now)

    async def exchange_of(
        self, device: Device, token: str, now: timedelta, *, arrives: bool = True
    ) -> None:
        if not device.is_logged_in:
            return
        answer = await exchange(self.client, token)
        if answer.status_code == 401:
            if device.is_logged_in:
                self.logged_out.append((device.name, now))
            device.is_logged_in = False
            return
        assert answer.status_code == 200, answer.text
        self.exchanges += 1
        if arrives:
            device.stored = answer.json()["refresh_token"]

    def pass_seconds(self, least: float, most: float) -> None:
        self.clock.advance(timedelta(seconds=self.chance.uniform(least, most)))


SetGrace = Callable[[timedelta], None]


@pytest.fixture
def set_grace(app: FastAPI) -> SetGrace:
    def set_grace(grace: timedelta) -> None:
        accounts: Accounts = app.state.accounts
        accounts.tokens.refresh_grace = grace

    return set_grace


async def play(
    app: FastAPI, client: AsyncClient, seed: int, *, thief_is_first: bool = False
) -> Play:
    """Ada has a browser, a phone and a laptop; Grace has an account of her own."""
    clock = Clock()
    set_clock(app, clock)
    ada, grace = await add_account(app), await add_account(app)
    phone, laptop = [await log_in(client, ada.email, ada.password) for _ in range(2)]
    played = Play(client, clock, random.Random(seed))  # noqa: S311 - a play
    await played.run(
        Device("browser", ada.refresh_token),
        Device("phone", phone["refresh_token"]),
        [Device("laptop", laptop["refresh_token"]), Device("Grace", grace.refresh_token)],
        thief_is_first=thief_is_first,
    )
    return played


@pytest.mark.parametrize("thief_is_first", [True, False])
@pytest.mark.parametrize("seed", range(3))
async def test_the_login_that_a_thief_shares_ends_and_nobody_else_is_logged_out(
    app: FastAPI, client: AsyncClient, seed: int, *, thief_is_first: bool
) -> None:
    played = await play(app, client, seed, thief_is_first=thief_is_first)

    assert [name for name, _ in played.logged_out] == ["browser"]
    assert THEFT <= played.logged_out[0][1] <= THEFT + 3 * REFRESHED_EVERY
    assert played.uses == thief_is_first
    assert played.exchanges > 60


async def test_an_application_without_the_grace_would_be_caught(
    app: FastAPI, client: AsyncClient, set_grace: SetGrace
) -> None:
    set_grace(timedelta())

    played = await play(app, client, seed=0)

    assert {"browser", "phone"} <= {name for name, when in played.logged_out if when < THEFT}


async def test_an_application_that_ends_no_login_would_be_caught(
    app: FastAPI, client: AsyncClient, set_grace: SetGrace
) -> None:
    set_grace(timedelta(days=1))

    played = await play(app, client, seed=0)

    assert played.logged_out == []
    assert played.uses > 1
