"""The demo account."""

from fastapi import FastAPI
from httpx2 import AsyncClient
from staged import log_in

from todo.demo import EMAIL, PASSWORD, TASKS, Seeded, seed_demo
from todo.main import passwords_of
from todo.settings import Settings
from wellhead import Database


async def test_the_demo_can_be_logged_into_and_looked_at(
    client: AsyncClient, database: Database, settings: Settings
) -> None:
    seeded = await seed_demo(database, passwords_of(settings))

    assert seeded == Seeded(account=True, tasks=len(TASKS))
    tokens = await log_in(client, EMAIL, PASSWORD)
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    me = (await client.get("/api/auth/me", headers=headers)).json()
    tasks = (await client.get(f"/api/{me['id']}/tasks", headers=headers)).json()
    assert {task["title"] for task in tasks["items"]} == {task["title"] for task in TASKS}


async def test_a_second_run_changes_nothing(
    app: FastAPI, database: Database, settings: Settings
) -> None:
    async with app.router.lifespan_context(app):
        await seed_demo(database, passwords_of(settings))

        assert await seed_demo(database, passwords_of(settings)) == Seeded(account=False, tasks=0)
