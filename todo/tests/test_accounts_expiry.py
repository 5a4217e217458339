"""Logins and counters whose time is over."""

from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlmodel import select

from todo.accounts.expiry import delete_expired_attempts, delete_expired_logins
from todo.accounts.models import Login, LoginAttempt, User
from todo.models import utc_now
from wellhead import Database

NOW = utc_now()
BEFORE, AFTER = NOW - timedelta(seconds=1), NOW + timedelta(seconds=1)


async def test_only_ended_logins_go(opened: Database) -> None:
    user = User(email="ada@example.com", password_hash="x")
    kept = Login(user_id=user.id, token_hash=b"kept", expires_at=AFTER)
    async with opened.session() as session:
        session.add(user)
        await session.flush()
        session.add_all([Login(user_id=user.id, token_hash=b"x", expires_at=BEFORE), kept])

    async with opened.session() as session:
        assert await delete_expired_logins(session, now=NOW, batch=10) == 1

    async with opened.reader() as reader:
        assert (await reader.exec(select(Login.id))).all() == [kept.id]


@pytest.mark.parametrize("join", ["hashjoin", "mergejoin", "nestloop"])
async def test_a_batch_is_not_larger_whatever_the_plan(opened: Database, join: str) -> None:
    others = {"hashjoin", "mergejoin", "nestloop", "hashagg", "sort", "material"} - {join}
    async with opened.session() as session:
        session.add_all(
            LoginAttempt(key=str(number), hits=1, expires_at=BEFORE) for number in range(5)
        )

    async with opened.session() as session:
        for each in others:
            await session.execute(text(f"SET LOCAL enable_{each} = off"))
        deleted = await delete_expired_attempts(session, now=NOW, batch=3)

    assert deleted == 3


async def test_only_finished_counters_go_and_no_more_than_a_batch(opened: Database) -> None:
    async with opened.session() as session:
        session.add_all(
            LoginAttempt(key=str(number), hits=1, expires_at=BEFORE) for number in range(5)
        )
        session.add(LoginAttempt(key="kept", hits=1, expires_at=AFTER))

    deleted = []
    for _ in range(3):
        async with opened.session() as session:
            deleted.append(await delete_expired_attempts(session, now=NOW, batch=3))

    assert deleted == [3, 2, 0]
    async with opened.reader() as reader:
        assert (await reader.exec(select(LoginAttempt.key))).all() == ["kept"]
