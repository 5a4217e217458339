"""Limits on attempts, counted in the database for all workers together."""

from contextlib import suppress
from datetime import timedelta

import pytest
from sqlmodel import select

from todo.accounts.attempts import UNKNOWN_NETWORKS, Attempts, DatabaseStorage, network
from todo.accounts.models import LoginAttempt
from todo.errors import TooManyAttemptsError
from todo.models import new_id, utc_now
from wellhead import Database

SECRET = b"a secret of the test"


@pytest.fixture
def storage(opened: Database) -> DatabaseStorage:
    return DatabaseStorage(opened, secret=SECRET)


def make_attempts(
    storage: DatabaseStorage, *, per_account: str = "3 per hour", per_address: str = "5 per hour"
) -> Attempts:
    return Attempts(
        storage,
        per_account=per_account,
        per_address=per_address,
        registrations="2 per hour",
        resets_per_account="2 per hour",
        resets_per_address="3 per hour",
    )


async def let_windows_end(database: Database) -> None:
    async with database.session() as session:
        for attempt in await session.exec(select(LoginAttempt)):
            attempt.expires_at = utc_now() - timedelta(seconds=1)


async def test_an_account_is_refused_after_its_tries_from_one_network(
    storage: DatabaseStorage,
) -> None:
    attempts = make_attempts(storage)
    for _ in range(3):
        await attempts.count_login(account="ada@example.com", address="192.0.2.1")

    with pytest.raises(TooManyAttemptsError) as caught:
        await attempts.count_login(account="ada@example.com", address="192.0.2.1")

    assert caught.value.retry_after is not None
    assert 3500 < caught.value.retry_after <= 3600


async def test_tries_from_one_network_use_up_none_from_another(storage: DatabaseStorage) -> None:
    attempts = make_attempts(storage)
    for _ in range(4):
        with suppress(TooManyAttemptsError):
            await attempts.count_login(account="ada@example.com", address="192.0.2.1")

    await attempts.count_login(account="ada@example.com", address="192.0.2.2")


async def test_unknown_networks_together_have_five_times_the_tries_of_one(
    storage: DatabaseStorage,
) -> None:
    attempts = make_attempts(storage)
    for _ in range(3 * UNKNOWN_NETWORKS):
        await attempts.count_unknown_network(account="ada@example.com")

    with pytest.raises(TooManyAttemptsError):
        await attempts.count_unknown_network(account="Ada@example.com")
    await attempts.count_unknown_network(account="grace@example.com")


async def test_proofs_are_counted_for_their_login_alone(storage: DatabaseStorage) -> None:
    attempts, login, other = make_attempts(storage, per_address="9 per hour"), new_id(), new_id()
    for _ in range(3):
        await attempts.count_proof(login_id=login, address="192.0.2.1")

    with pytest.raises(TooManyAttemptsError):
        await attempts.count_proof(login_id=login, address="192.0.2.2")
    await attempts.count_proof(login_id=other, address="192.0.2.1")
    await attempts.forget_proof(login_id=login)
    await attempts.count_proof(login_id=login, address="192.0.2.1")


async def test_what_was_counted_under_the_secret_of_before_still_counts(
    opened: Database,
) -> None:
    before = make_attempts(DatabaseStorage(opened, secret=SECRET))
    rotated = DatabaseStorage(opened, secret=b"the next one", previous_secrets=[SECRET])
    after = make_attempts(rotated)
    await before.count_login(account="ada@example.com", address="192.0.2.1")
    for _ in range(2):
        await after.count_login(account="ada@example.com", address="192.0.2.1")

    with pytest.raises(TooManyAttemptsError) as caught:
        await after.count_login(account="ada@example.com", address="192.0.2.1")
    assert caught.value.retry_after is not None
    assert 3500 < caught.value.retry_after <= 3600
    await after.forget_login(account="ada@example.com", address="192.0.2.1")
    await before.count_login(account="ada@example.com", address="192.0.2.1")


async def test_a_network_is_known_across_a_change_of_the_secret(opened: Database) -> None:
    before = make_attempts(DatabaseStorage(opened, secret=SECRET))
    rotated = DatabaseStorage(opened, secret=b"the next one", previous_secrets=[SECRET])
    own, *earlier = make_attempts(rotated).network_hashes("192.0.2.1")

    assert before.network_hashes("192.0.2.1") == earlier
    assert own not in earlier


async def test_the_account_is_the_same_in_any_case(storage: DatabaseStorage) -> None:
    attempts = make_attempts(storage, per_account="1 per hour")
    await attempts.count_login(account="ada@example.com", address="192.0.2.1")

    with pytest.raises(TooManyAttemptsError):
        await attempts.count_login(account="ADA@example.com", address="192.0.2.1")


async def test_an_address_is_refused_whatever_accounts_it_tries(storage: DatabaseStorage) -> None:
    attempts = make_attempts(storage)
    for number in range(5):
        await attempts.count_login(account=f"{number}@example.com", address="192.0.2.1")

    with pytest.raises(TooManyAttemptsError):
        await attempts.count_login(account="6@example.com", address="192.0.2.1")


async def test_a_refused_address_cannot_use_up_an_account_s_tries(
    storage: DatabaseStorage,
) -> None:
    attempts = make_attempts(storage, per_address="1 per hour")
    await attempts.count_login(account="other@example.com", address="192.0.2.1")
    for _ in range(4):
        with pytest.raises(TooManyAttemptsError):
            await attempts.count_login(account="ada@example.com", address="192.0.2.1")

    await attempts.count_login(account="ada@example.com", address="192.0.2.2")


async def test_the_right_password_gives_an_account_its_tries_back(
    storage: DatabaseStorage,
) -> None:
    attempts = make_attempts(storage)
    for _ in range(3):
        await attempts.count_login(account="ada@example.com", address="192.0.2.1")
    await attempts.forget_login(account="Ada@example.com", address="192.0.2.1")

    await attempts.count_login(account="ada@example.com", address="192.0.2.1")


async def test_a_new_window_starts_when_the_old_one_is_over(
    storage: DatabaseStorage, opened: Database
) -> None:
    attempts = make_attempts(storage, per_account="1 per hour")
    await attempts.count_login(account="ada@example.com", address="192.0.2.1")
    await let_windows_end(opened)

    await attempts.count_login(account="ada@example.com", address="192.0.2.1")
    with pytest.raises(TooManyAttemptsError):
        await attempts.count_login(account="ada@example.com", address="192.0.2.1")


async def test_registrations_are_counted_apart_from_logins(storage: DatabaseStorage) -> None:
    attempts = make_attempts(storage, per_address="1 per hour")
    await attempts.count_login(account="ada@example.com", address="192.0.2.1")
    for _ in range(2):
        await attempts.count_registration(address="192.0.2.1")

    with pytest.raises(TooManyAttemptsError):
        await attempts.count_registration(address="192.0.2.1")


async def test_workers_count_together(opened: Database) -> None:
    here = make_attempts(DatabaseStorage(opened, secret=SECRET), per_account="2 per hour")
    async with Database(opened.settings) as elsewhere:
        there = make_attempts(DatabaseStorage(elsewhere, secret=SECRET), per_account="2 per hour")
        await here.count_login(account="ada@example.com", address="192.0.2.1")
        await there.count_login(account="ada@example.com", address="192.0.2.1")

        with pytest.raises(TooManyAttemptsError):
            await here.count_login(account="ada@example.com", address="192.0.2.1")


async def test_the_table_does_not_tell_who_tried(
    storage: DatabaseStorage, opened: Database
) -> None:
    await make_attempts(storage).count_login(account="ada@example.com", address="192.0.2.1")

    async with opened.reader() as reader:
        keys = (await reader.exec(select(LoginAttempt.key))).all()
    assert len(keys) == 2
    assert all(len(key) == 64 and int(key, 16) for key in keys)


async def test_the_storage_keeps_what_the_limits_library_expects(
    storage: DatabaseStorage,
) -> None:
    assert await storage.get("x") == 0
    assert await storage.incr("x", 60) == 1
    assert await storage.incr("x", 60, amount=4) == 5
    assert await storage.get("x") == 5
    assert 55 < await storage.get_expiry("x") - utc_now().timestamp() <= 60
    assert await storage.check()
    await storage.clear("x")
    assert await storage.get("x") == 0
    await storage.incr("y", 60)
    assert await storage.reset() == 1
    assert await storage.get("y") == 0


async def test_a_counter_that_is_over_reads_as_nothing(
    storage: DatabaseStorage, opened: Database
) -> None:
    await storage.incr("x", 60)
    await let_windows_end(opened)

    assert await storage.get("x") == 0


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::1", "::"),
        (None, "local"),
        ("testclient", "local"),
    ],
)
def test_one_client_is_one_subject(address: str | None, expected: str) -> None:
    assert network(address) == expected
