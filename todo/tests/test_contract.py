"""The API against its own document: schemathesis sends what the document allows and forbids.

All checks and all phases (examples, coverage, fuzzing, stateful) run on a real server. Without
CONTRACT_EXAMPLES the run is short and the same each time; with it, so many examples are made up
for each operation, other ones each time. `contract/hooks.py` tells schemathesis what it cannot
know.
"""

import asyncio
import json
import os
import sys
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from answers import Answers
from fastapi import Depends, FastAPI
from fastapi.responses import JSONResponse
from fastapi.security import OAuth2PasswordBearer
from httpx2 import AsyncClient

from tests.staging.server import serve
from todo.accounts.dependencies import LOGIN_PATH, AccessTokenDep, owner_id
from todo.accounts.models import PasswordReset, User
from todo.accounts.secret_tokens import hash_of
from todo.models import utc_now
from wellhead import Database

CONTRACT = Path(__file__).parent / "contract"
EXAMPLES = 10
LINKS = 1000
PEERS = ("owner", "stranger")
PASSWORD = "none of the examples in the document"


async def register_peers(base_url: str) -> dict[str, object]:
    """Two accounts, and how to log in to them, as a Web Fuzzing Commons document."""
    entries = []
    async with AsyncClient(base_url=base_url, verify=False) as client:
        for name in PEERS:
            email = f"{name}@example.com"
            account = {"email": email, "password": PASSWORD}
            answer = await client.post("/api/auth/register", json=account)
            answer.raise_for_status()
            entries.append({"name": name, "loginEndpointAuth": login_of(email)})
    return {"auth": entries}


def login_of(email: str) -> dict[str, object]:
    """How to log in, and where to put the token."""
    return {
        "endpoint": "/api/auth/login",
        "verb": "POST",
        "contentType": "application/x-www-form-urlencoded",
        "payloadUserPwd": {
            "username": email,
            "usernameField": "username",
            "password": PASSWORD,
            "passwordField": "password",
        },
        "token": {
            "extractFrom": "body",
            "extractSelector": "/access_token",
            "sendIn": "header",
            "sendName": "Authorization",
            "sendTemplate": "Bearer {token}",
        },
    }


async def store_links(app: FastAPI) -> None:
    """Links to a new password, each of an account of its own, for `hooks.lend_link`."""
    expires_at = utc_now() + timedelta(days=1)
    users = [User(email=f"linked{n}@example.com", password_hash="") for n in range(LINKS)]
    links = [
        PasswordReset(user_id=user.id, token_hash=hash_of(f"link {n}"), expires_at=expires_at)
        for n, user in enumerate(users)
    ]
    database: Database = app.state.database
    async with database.session() as session:
        session.add_all(users)
        await session.flush()
        session.add_all(links)


async def run_schemathesis(base_url: str, directory: Path, *options: str) -> tuple[int, str]:
    """Run it against a server; returns its exit code and what it printed."""
    accounts = directory / "accounts.json"
    accounts.write_text(json.dumps(await register_peers(base_url)))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli"),
        *("--config-file", str(CONTRACT / "schemathesis.toml")),
        *("run", f"{base_url}/openapi.json"),
        *("--checks", "all", "--continue-on-failure", "--no-color", *options),
        env={
            **os.environ,
            "CONTRACT_HOOKS": str(CONTRACT / "hooks.py"),
            "CONTRACT_ACCOUNTS": str(accounts),
        },
        cwd=directory,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return process.returncode, output.decode()


async def test_whatever_is_sent_is_answered_as_documented(
    app: FastAPI,
    tmp_path: Path,
    pytestconfig: pytest.Config,
    capsys: pytest.CaptureFixture[str],
) -> None:
    answers = Answers(app)
    examples = os.environ.get("CONTRACT_EXAMPLES")
    options = ["--generation-deterministic"] if examples is None else []

    async with serve(app) as base_url:
        await store_links(app)
        code, output = await run_schemathesis(
            base_url, tmp_path, "--max-examples", examples or str(EXAMPLES), *options
        )

    with capsys.disabled():
        pytestconfig.get_terminal_writer().line(f"\n{answers}")
    assert code == 0, output
    assert answers.server_errors() == {}
    assert answers.undocumented() == {}
    assert answers.elsewhere() <= {200, 404, 405}  # The document itself, and what it does not know.
    assert answers.never_succeeded() == set()


def add_broken_routes(app: FastAPI) -> None:
    """Routes that do not do as the document says."""

    @app.get("/broken/fails")
    async def fails() -> None:
        raise ValueError

    @app.get("/broken/teapot")
    async def teapot() -> JSONResponse:
        return JSONResponse({}, status_code=418)

    unchecked = OAuth2PasswordBearer(LOGIN_PATH.removeprefix("/"), auto_error=False)

    @app.get("/broken/public", dependencies=[Depends(unchecked)])
    async def public() -> None:
        """Wants a token by its document only."""


async def test_a_route_that_breaks_its_word_is_found(app: FastAPI, tmp_path: Path) -> None:
    add_broken_routes(app)
    answers = Answers(app)

    async with serve(app) as base_url:
        code, output = await run_schemathesis(
            base_url, tmp_path, "--include-path-regex", "^/broken/", "--max-examples", "5"
        )

    assert code == 1, output
    for fault in (
        "Server error",
        "Undocumented status code",
        "API accepts requests without authentication",
    ):
        assert fault in output, output
    assert set(answers.server_errors()) == {("GET /broken/fails", 500)}
    assert ("GET /broken/teapot", 418) in answers.undocumented()
    assert "GET /broken/fails" in answers.never_succeeded()


async def path_owner(user_id: UUID, token: AccessTokenDep) -> UUID:
    """The user in the path, for any client."""
    del token
    return user_id


async def test_a_task_that_everybody_can_read_is_found(app: FastAPI, tmp_path: Path) -> None:
    app.dependency_overrides[owner_id] = path_owner

    async with serve(app) as base_url:
        code, output = await run_schemathesis(
            base_url,
            tmp_path,
            *("--include-operation-id", "create_task", "--include-operation-id", "read_task"),
            *("--phases", "coverage,stateful", "--generation-deterministic"),
            *("--max-examples", "10"),
        )

    assert code == 1, output
    assert "Object-level authorization bypass" in output, output
