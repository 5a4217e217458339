"""Credentials that change: asked for once for many, ahead of time, and again when refused."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text

from tests.staging.patience import until
from tests.staging.rotating import RotatingRole, rotating_role
from wellhead import (
    AuthenticationError,
    ConfigurationError,
    Credentials,
    CredentialsError,
    Database,
    DatabaseSettings,
    Fault,
    PostgresURL,
    SecretFile,
    SettingsError,
    UnreachableError,
    classify,
)
from wellhead.connecting import credentials as module
from wellhead.connecting.credentials import Issuer
from wellhead.health import health

URL = PostgresURL.parse("postgresql://app@db.example/shop")
SECRET = "hush-hush"


@pytest.fixture
async def role(either_url: str) -> AsyncIterator[RotatingRole]:
    plain = either_url.replace("+psycopg", "")
    async with rotating_role(plain) as role:
        yield role


@pytest.fixture
def url(role: RotatingRole, either_url: str) -> str:
    """A URL without a password."""
    return role.url(either_url)


async def who(database: Database) -> Any:
    async with database.reader() as reader:
        return (await reader.exec(text("SELECT current_user"))).scalar_one()


def settings_for(url: str, **values: Any) -> DatabaseSettings:
    return DatabaseSettings(url=url, connect_retry_count=1, **values)


# Which password a connection gets.


async def test_a_url_without_a_password_is_opened_with_credentials(
    url: str, role: RotatingRole
) -> None:
    async with Database(settings_for(url), credentials=role.token) as database:
        assert await who(database) == user_of(url)


def user_of(url: str) -> str:
    user = PostgresURL.parse(url).user
    assert user is not None
    return user


async def test_each_new_connection_logs_in_with_what_is_in_force(
    url: str, role: RotatingRole
) -> None:
    settings = settings_for(url, pool_mode="none")
    async with Database(settings, credentials=role.token) as database:
        await who(database)
        await role.rotate()

        assert await who(database) == user_of(url)


async def test_a_database_that_is_opened_again_asks_again(url: str, role: RotatingRole) -> None:
    database = Database(settings_for(url), credentials=role.token)
    async with database:
        await who(database)
    await role.rotate()
    async with database:
        assert await who(database) == user_of(url)


async def test_credentials_may_name_the_user(role: RotatingRole, url: str) -> None:
    async def give() -> Credentials:
        return Credentials(role.password, user=user_of(url))

    elsewhere = url.replace(user_of(url), "nobody")
    async with Database(settings_for(elsewhere), credentials=give) as database:
        assert await who(database) == user_of(url)


async def test_a_function_that_takes_an_argument_is_given_the_url(
    url: str, role: RotatingRole
) -> None:
    seen = []

    async def give(target: PostgresURL) -> str:
        seen.append(target)
        return role.password

    async with Database(settings_for(url), credentials=give) as database:
        await who(database)

    assert seen == [database.settings.url]


async def test_a_secret_file_is_read_again(url: str, role: RotatingRole, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(f"{role.password}\n")
    settings = settings_for(url, pool_mode="none")
    async with Database(settings, credentials=SecretFile(file)) as database:
        await role.rotate()
        file.write_text(role.url(url, role.password))

        assert await who(database) == user_of(url)


@pytest.mark.parametrize(("content", "why"), [("\n", "no password"), (None, "FileNotFoundError")])
async def test_a_secret_file_without_a_password_is_told(
    content: str | None, why: str, tmp_path: Path
) -> None:
    file = tmp_path / "password"
    if content is not None:
        file.write_text(content)

    with pytest.raises(CredentialsError, match=why):
        await Issuer(SecretFile(file), URL, limit=60).current()


# A rotation while the application works.


async def test_a_rotation_does_not_cost_readiness(
    url: str, role: RotatingRole, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "FRESH_FOR", 0.0)
    monkeypatch.setattr(health, "FAILED_FOR", 0.0)
    async with Database(settings_for(url), credentials=role.token) as database:
        for _ in range(3):
            await role.rotate()
            report = await database.check()

            assert (report.state, report.evidence) == ("connected", "probe")
        assert (await database.ready()).is_ready


async def test_sqlalchemys_own_recipe_serves_the_probe_too(
    url: str, role: RotatingRole, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "FRESH_FOR", 0.0)
    with_password = role.url(url, role.password)
    async with Database(settings_for(with_password)) as database:

        @event.listens_for(database.engine.sync_engine, "do_connect")
        def renew(*arguments: Any) -> None:
            arguments[3]["password"] = role.password

        await role.rotate()

        assert (await database.check()).state == "connected"


async def test_no_use_fails_while_credentials_are_replaced_under_load(
    url: str, role: RotatingRole, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "FRESH_FOR", 0.0)
    rotations, uses, served, opened = 5, Counter[int](), Counter[int](), 0
    settings = settings_for(url, pool_size=2, max_overflow=2, pool_timeout=300, request_timeout=900)
    async with Database(settings, credentials=role.token) as database:

        async def use(number: int) -> None:
            while not is_over.is_set():
                assert await who(database) == user_of(url)
                uses[number] += 1

        def has_served() -> bool:
            # Who has not been served since may still log in with what was replaced: once more is
            # one time too many.
            each_again = all(uses[number] >= served[number] + 2 for number in range(6))
            return each_again and database.stats().opened > opened

        is_over = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for number in range(6):
                group.create_task(use(number))
            for _ in range(rotations):
                await role.rotate()
                served, opened = uses.copy(), database.stats().opened
                # Those that are open do not notice; new ones must be made.
                database.pool.retire_all()
                await until(has_served)
                assert (await database.ready()).is_ready
            is_over.set()

    assert min(uses.values()) >= 2 * rotations


# How often the application is asked.


class Told:
    """Gives passwords one after the other, each when it is told to."""

    def __init__(self, **values: Any) -> None:
        self.asked = 0
        self.may_go_on = asyncio.Event()
        self._values = values

    async def __call__(self) -> Credentials:
        self.asked += 1
        number = self.asked
        await self.may_go_on.wait()
        return Credentials(f"{SECRET}-{number}", **self._values)


async def test_one_question_serves_all_who_connect_at_once() -> None:
    told = Told()
    issuer = Issuer(told, URL, limit=600)
    waiting = [asyncio.create_task(issuer.current()) for _ in range(20)]
    await until(lambda: told.asked)
    told.may_go_on.set()

    assert {each.password for each in await asyncio.gather(*waiting)} == {f"{SECRET}-1"}
    assert told.asked == 1


async def test_one_who_gives_up_does_not_end_the_question_for_the_others() -> None:
    told = Told()
    issuer = Issuer(told, URL, limit=600)
    first, second = (asyncio.create_task(issuer.current()) for _ in range(2))
    await until(lambda: told.asked)
    first.cancel()
    await asyncio.wait({first})
    told.may_go_on.set()

    assert (await second).password == f"{SECRET}-1"
    assert first.cancelled()
    assert told.asked == 1


async def test_credentials_serve_as_long_as_they_hold() -> None:
    told = Told(expires_in=3600)
    told.may_go_on.set()
    issuer = Issuer(told, URL, limit=600)
    for _ in range(5):
        await issuer.current()

    assert told.asked == 1


async def test_credentials_are_replaced_ahead_of_time_while_they_serve(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # In the last part of their time from the beginning.
    monkeypatch.setattr(module, "AHEAD", 1.0)
    told = Told(expires_in=3600)
    told.may_go_on.set()
    issuer = Issuer(told, URL, limit=600)
    await issuer.current()
    told.may_go_on.clear()
    while_asked = await issuer.current()
    await until(lambda: told.asked == 2)
    told.may_go_on.set()

    async def is_replaced() -> bool:
        return (await issuer.current()).password != while_asked.password

    await until(is_replaced)
    assert while_asked.password == f"{SECRET}-1"


async def test_credentials_still_serve_when_they_cannot_be_replaced_ahead_of_time(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "AHEAD", 1.0)
    asked = 0

    async def give() -> Credentials:
        nonlocal asked
        asked += 1
        if asked > 1:
            raise OSError(SECRET)
        return Credentials(SECRET, expires_in=3600)

    issuer = Issuer(give, URL, limit=600)
    await issuer.current()
    await issuer.current()
    await until(lambda: "could not be replaced" in caplog.text)

    assert (await issuer.current()).password == SECRET
    assert asked == 2
    assert SECRET not in caplog.text


async def test_credentials_that_have_expired_are_waited_for() -> None:
    told = Told(expires_in=0)
    told.may_go_on.set()
    issuer = Issuer(told, URL, limit=600)

    assert [(await issuer.current()).password for _ in range(2)] == [f"{SECRET}-1", f"{SECRET}-2"]


# A refusal.


async def test_a_refused_password_is_asked_for_once_more(url: str, role: RotatingRole) -> None:
    async def give() -> Credentials:
        return Credentials(await role.token(), expires_in=3600)

    settings = settings_for(url, pool_mode="none")
    async with Database(settings, credentials=give) as database:
        await who(database)
        asked = role.asked
        await role.rotate()

        assert await who(database) == user_of(url)
    assert (asked, role.asked) == (1, 2)


async def test_a_password_that_stays_refused_fails_after_two_questions(url: str) -> None:
    asked = 0

    async def give() -> Credentials:
        nonlocal asked
        asked += 1
        return Credentials(SECRET, expires_in=3600)

    with pytest.raises(AuthenticationError) as caught:
        await Database(settings_for(url), credentials=give).open()

    assert asked == 2
    assert "credentials function was called twice" in str(caught.value)
    assert SECRET not in str(caught.value)


async def test_many_that_are_refused_at_once_ask_once_more_together() -> None:
    told = Told(expires_in=3600)
    told.may_go_on.set()
    issuer = Issuer(told, URL, limit=600)
    await issuer.current()
    again = await asyncio.gather(*(issuer.after_refusal() for _ in range(20)))

    assert {each.password for each in again} == {f"{SECRET}-2"}
    assert told.asked == 2


# What goes wrong with the function.


async def fails() -> str:
    raise RuntimeError(SECRET)


async def cancels_itself() -> str:
    raise asyncio.CancelledError


async def never_answers() -> str:
    await asyncio.Event().wait()
    return ""


@pytest.mark.parametrize("mode", ["pool", "none"])
@pytest.mark.parametrize(
    ("give", "why"), [(fails, "RuntimeError in"), (cancels_itself, "cancelled")]
)
async def test_a_function_that_fails_is_a_connect_error_that_can_pass(
    url: str, give: Any, why: str, mode: str
) -> None:
    with pytest.raises(CredentialsError, match=why) as caught:
        await Database(settings_for(url, pool_mode=mode), credentials=give).open()

    meaning = classify(caught.value)
    assert caught.value.can_retry
    assert (meaning.fault, meaning.http_status) == (Fault.CREDENTIALS, 503)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("mode", ["pool", "none"])
async def test_a_function_that_does_not_answer_is_told_from_a_server_that_does_not(
    url: str, mode: str
) -> None:
    settings = settings_for(url, pool_mode=mode, connect_timeout=1)
    with pytest.raises(CredentialsError, match="within 1 s"):
        await Database(settings, credentials=never_answers).open()


async def test_opening_tries_again_after_a_function_that_failed(
    url: str, role: RotatingRole
) -> None:
    async def give() -> str:
        password = await role.token()
        if role.asked == 1:
            raise OSError
        return password

    settings = DatabaseSettings(url=url, connect_retry_count=2, connect_retry_delay=0)
    async with Database(settings, credentials=give) as database:
        assert await who(database) == user_of(url)


async def test_callers_wait_through_a_function_that_fails_for_a_moment(
    url: str, role: RotatingRole
) -> None:
    is_away = False

    async def give() -> Credentials:
        if is_away:
            raise OSError
        return Credentials(role.password, expires_in=0)

    settings = settings_for(url, pool_timeout=300, request_timeout=900)
    async with Database(settings, credentials=give) as database:
        database.pool.retire_all()
        is_away = True
        using = asyncio.create_task(who(database))
        await until(lambda: database.stats().failed_connects)
        is_away = False

        assert await using == user_of(url)


@pytest.mark.parametrize("given", [b"bytes", None, 7])
async def test_what_is_no_password_is_refused(given: Any) -> None:
    async def give() -> Any:
        return given

    with pytest.raises(ConfigurationError, match=type(given).__name__):
        await Issuer(give, URL, limit=60).current()


def blocks() -> str:
    return SECRET


async def test_a_function_that_blocks_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="async function") as caught:
        await Issuer(blocks, URL, limit=60).current()  # type: ignore[arg-type]  # on purpose

    assert SECRET not in str(caught.value)


async def takes_two(one: str, two: str) -> str:
    return one + two


@pytest.mark.parametrize("given", ["a password", takes_two])
def test_what_cannot_be_called_is_refused_at_once(given: Any) -> None:
    with pytest.raises(SettingsError, match="credentials"):
        Database(DatabaseSettings(url=str(URL)), credentials=given)


def test_the_password_is_not_shown() -> None:
    assert SECRET not in repr(Credentials(SECRET, user="app", expires_in=1))


async def test_a_server_that_is_away_is_unreachable_with_credentials_too() -> None:
    settings = DatabaseSettings(url="postgresql://u@127.0.0.1:1/db", connect_retry_count=1)

    async def give() -> str:
        return SECRET

    with pytest.raises(UnreachableError):
        await Database(settings, credentials=give).open()
