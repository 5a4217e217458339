"""Demo data: one account with a few tasks and tags, created once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import func
from sqlmodel import col, select

from todo.accounts.models import User
from todo.accounts.passwords import Passwords
from todo.models import utc_now
from todo.tasks import service as tasks
from todo.tasks.models import Priority
from wellhead import Database

EMAIL = "demo@example.com"
PASSWORD = "try-me-out-first"  # noqa: S105 - public; production refuses the account

TASKS: Sequence[Mapping[str, Any]] = (
    {"title": "Read the tutorial", "priority": Priority.HIGH, "tags": ["start"], "completed": True},
    {
        "title": "Try the API at /docs",
        "description": "Choose Authorize, and log in with the demo account.",
        "priority": Priority.URGENT,
        "tags": ["start", "api"],
    },
    {"title": "Pay the electricity bill", "tags": ["home"], "due_in": timedelta(days=3)},
    {"title": "Buy bread, milk and olives", "priority": Priority.LOW, "tags": ["home", "errands"]},
    {"title": "Return the library books", "tags": ["errands"], "due_in": timedelta(days=-1)},
)


@dataclass(frozen=True, slots=True)
class Seeded:
    """What was created this time; nothing on a second run."""

    account: bool
    tasks: int


async def seed_demo(database: Database, passwords: Passwords) -> Seeded:
    """Create the demo account with its tasks, or nothing if it exists already.

    It is one transaction: there is never half a demo.
    """
    password_hash = await passwords.hash(PASSWORD)
    async with database.session() as session:
        found = await session.exec(
            select(User.id).where(func.lower(col(User.email)) == EMAIL.lower())
        )
        if found.first() is not None:
            return Seeded(account=False, tasks=0)
        user = User(email=EMAIL, name="Demo", password_hash=password_hash)
        session.add(user)
        await session.flush()
        now = utc_now()
        for given in TASKS:
            task = dict(given)
            due_in = task.pop("due_in", None)
            due_date = None if due_in is None else now + due_in
            new = tasks.new_task(owner_id=user.id, due_date=due_date, **task)
            await tasks.CREATION.plain.one(session, **new)
    return Seeded(account=True, tasks=len(TASKS))
