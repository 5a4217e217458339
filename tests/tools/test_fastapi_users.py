"""fastapi-users on the session of a request: its routes, committed before they are answered."""

import uuid
from collections.abc import AsyncIterator
from typing import Annotated, Any

import httpx2
import pytest
from fastapi import Depends, FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase

from tests.staging.patience import until
from tests.staging.server import serve
from tests.staging.tools import tool
from wellhead import Database, DatabaseSettings
from wellhead.fastapi import SessionDep, install, lifespan

users = tool("fastapi_users")
adapter = tool("fastapi_users_db_sqlalchemy")
authentication = tool("fastapi_users.authentication")
schemas = tool("fastapi_users.schemas")

UserTable: Any = adapter.SQLAlchemyBaseUserTableUUID
UUIDs: Any = users.UUIDIDMixin
Manager: Any = users.BaseUserManager
BaseUser: Any = schemas.BaseUser[uuid.UUID]

SECRET = "a-secret-that-is-long-enough-for-hs256"
ADA = {"email": "ada@example.com", "password": "Gu3ssMe-not"}


class Base(DeclarativeBase):
    """The tables of this file."""


class User(UserTable, Base):  # type: ignore[misc]  # it may be missing
    """An account."""


class UserManager(UUIDs, Manager):  # type: ignore[misc]  # the same
    """What the routes work with."""

    reset_password_token_secret = SECRET
    verification_token_secret = SECRET


async def user_database(session: SessionDep) -> Any:
    return adapter.SQLAlchemyUserDatabase(session, User)


async def user_manager(database: Annotated[Any, Depends(user_database)]) -> UserManager:
    return UserManager(database)


def application(database: Database[Any]) -> FastAPI:
    app = FastAPI(lifespan=lifespan(database))
    install(app, database)
    backend = authentication.AuthenticationBackend(
        name="jwt",
        transport=authentication.BearerTransport(tokenUrl="login"),
        get_strategy=lambda: authentication.JWTStrategy(secret=SECRET, lifetime_seconds=3600),
    )
    routes = users.FastAPIUsers(user_manager, [backend])
    app.include_router(
        routes.get_register_router(schemas.BaseUser[uuid.UUID], schemas.BaseUserCreate)
    )
    app.include_router(routes.get_auth_router(backend))
    app.include_router(
        routes.get_users_router(schemas.BaseUser[uuid.UUID], schemas.BaseUserUpdate),
        prefix="/users",
    )
    current = Depends(routes.current_user(active=True))

    @app.get("/greeting")
    async def greeting(user: Annotated[Any, current], session: SessionDep) -> str:
        assert user in session
        return f"Hello {user.email}"

    return app


class OfTheApplication(AsyncSession):
    """A session class of an application's own."""


@pytest.fixture(params=[None, OfTheApplication], ids=["usual", "own class"])
def database(request: pytest.FixtureRequest, either_url: str) -> Database[Any]:
    more = {"session_class": request.param} if request.param else {}
    return Database(DatabaseSettings(url=either_url, pool_size=2, max_overflow=0), **more)


@pytest.fixture
async def client(database: Database[Any]) -> AsyncIterator[httpx2.AsyncClient]:
    async with serve(application(database)) as base, httpx2.AsyncClient(base_url=base) as client:
        async with database.engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        yield client
        await until(lambda: database.stats().checked_out == 0)


async def log_in(client: httpx2.AsyncClient, password: str) -> httpx2.Response:
    return await client.post("/login", data={"username": ADA["email"], "password": password})


async def test_an_account_is_made_used_and_changed(client: httpx2.AsyncClient) -> None:
    registered = await client.post("/register", json=ADA)
    assert registered.status_code == 201
    logged_in = await log_in(client, ADA["password"])
    assert logged_in.status_code == 200
    client.headers["Authorization"] = f"Bearer {logged_in.json()['access_token']}"

    assert (await client.get("/users/me")).json()["email"] == ADA["email"]
    assert (await client.get("/greeting")).json() == "Hello ada@example.com"
    changed = await client.patch("/users/me", json={"password": "0ther-than-before"})

    assert changed.status_code == 200
    assert (await log_in(client, ADA["password"])).status_code == 400
    assert (await log_in(client, "0ther-than-before")).status_code == 200


async def test_a_second_account_of_one_address_is_refused(client: httpx2.AsyncClient) -> None:
    first, second = [await client.post("/register", json=ADA) for _ in range(2)]

    assert (first.status_code, second.status_code) == (201, 400)


async def test_no_account_is_promised_whose_commit_fails(
    client: httpx2.AsyncClient, database: Database[Any]
) -> None:
    async with database.engine.begin() as connection:
        await connection.execute(text("CREATE TABLE guest (email text PRIMARY KEY)"))
        await connection.execute(
            text(
                'ALTER TABLE "user" ADD FOREIGN KEY (email) REFERENCES guest '
                "DEFERRABLE INITIALLY DEFERRED"
            )
        )

    response = await client.post("/register", json=ADA)

    assert response.status_code == 409
    assert response.json()["type"] == "urn:wellhead:foreign_key"
    async with database.reader() as reader:
        assert await reader.scalar(text('SELECT count(*) FROM "user"')) == 0
