"""The background job."""

from datetime import datetime, timedelta

from sqlmodel import select
from staged import task_of

from todo.accounts.models import (
    ApiToken,
    Invite,
    KnownNetwork,
    Login,
    LoginAttempt,
    PasswordReset,
    User,
)
from todo.cleanup import COMPLETED_TASKS, EXPIRED, FORGOTTEN, clean_up
from todo.idempotency.models import IdempotencyKey
from todo.models import utc_now
from todo.tasks.models import Task
from wellhead import Database

MONTH = timedelta(days=30)


def answer_of(user: User, *, key: bytes, expires_at: datetime) -> IdempotencyKey:
    return IdempotencyKey(
        id=key,
        user_id=user.id,
        fingerprint=b"x",
        status=201,
        headers={},
        body="{}",
        expires_at=expires_at,
    )


async def stage(database: Database, *, old: int) -> None:
    now = utc_now()
    user = User(email="ada@example.com", password_hash="x")
    async with database.session() as session:
        session.add(user)
        await session.flush()
        session.add_all(
            [
                *(
                    task_of(user.id, f"old {n}", completed_at=now - MONTH - MONTH)
                    for n in range(old)
                ),
                task_of(user.id, "done lately", completed_at=now - MONTH / 2),
                task_of(user.id, "open", created_at=now - MONTH - MONTH),
                Login(user_id=user.id, token_hash=b"x", expires_at=now - MONTH),
                *(
                    KnownNetwork(user_id=user.id, network_hash=network, expires_at=expires_at)
                    for network, expires_at in [
                        (b"old", now - MONTH),
                        (b"older", now - MONTH - MONTH),
                        (b"in use", now + MONTH),
                    ]
                ),
                ApiToken(
                    user_id=user.id, name="x", scope="read", token_hash=b"x", expires_at=now - MONTH
                ),
                ApiToken(user_id=user.id, name="x", scope="read", token_hash=b"kept"),
                PasswordReset(user_id=user.id, token_hash=b"x", expires_at=now - MONTH),
                Invite(token_hash=b"x", expires_at=now - MONTH),
                LoginAttempt(key="x", hits=1, expires_at=now - MONTH),
                *(answer_of(user, key=b"old %d" % n, expires_at=now) for n in range(old)),
                answer_of(user, key=b"new", expires_at=now + MONTH),
            ]
        )


async def test_old_completed_tasks_go_and_all_others_stay(opened: Database) -> None:
    await stage(opened, old=3)

    cleaned = await clean_up(opened, completed_before=MONTH)

    assert list(cleaned.values()) == [3, 1, 2, 1, 1, 1, 1, 3, 0]
    async with opened.reader() as reader:
        titles = (await reader.exec(select(Task.title))).all()
        keys = (await reader.exec(select(IdempotencyKey.id))).all()
    assert sorted(titles) == ["done lately", "open"]
    assert keys == [b"new"]


async def test_many_batches_delete_all(opened: Database) -> None:
    await stage(opened, old=7)

    cleaned = await clean_up(opened, completed_before=MONTH, batch=3)

    assert (cleaned[COMPLETED_TASKS], cleaned["expired idempotency keys"]) == (7, 7)


async def test_a_full_last_batch_is_no_end(opened: Database) -> None:
    await stage(opened, old=6)

    assert (await clean_up(opened, completed_before=MONTH, batch=3))[COMPLETED_TASKS] == 6


async def test_a_second_run_finds_nothing(opened: Database) -> None:
    await stage(opened, old=1)
    await clean_up(opened, completed_before=MONTH)

    assert set((await clean_up(opened, completed_before=MONTH)).values()) == {0}


async def test_only_what_has_expired_goes_unless_more_is_asked_for(opened: Database) -> None:
    await stage(opened, old=2)

    cleaned = await clean_up(opened)

    assert cleaned.keys() == {*EXPIRED, FORGOTTEN}
    assert list(cleaned.values()) == [1, 2, 1, 1, 1, 1, 2, 0]
    async with opened.reader() as reader:
        assert len((await reader.exec(select(Task.title))).all()) == 4
