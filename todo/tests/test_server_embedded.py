"""`todo serve` on its embedded server, which is killed."""

import os
import re
import signal
from pathlib import Path

import httpx2
import pytest
from commands import SECONDS, Served, serving

from tests.staging.embedded import postmaster
from tests.staging.patience import until

pytestmark = [pytest.mark.slow, pytest.mark.wellhead(commit=True)]

ACCOUNT = {"email": "you@example.com", "password": "correct horse battery staple"}


def client_of(served: Served) -> httpx2.Client:
    return httpx2.Client(base_url=served.address, timeout=SECONDS, verify=False)


def log_in(client: httpx2.Client) -> httpx2.Response:
    given = {"username": ACCOUNT["email"], "password": ACCOUNT["password"]}
    return client.post("/api/auth/login", data=given)


def kill(data_dir: Path) -> None:
    pid = postmaster(data_dir / "postgres")
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_server_comes_back_and_requests_wait_for_it(
    public_directory: Path, workers: str
) -> None:
    data_dir = public_directory / f"killed-{workers}"
    with (
        serving("--migrate", "--workers", workers, DATA_DIR=str(data_dir)) as served,
        client_of(served) as client,
    ):
        assert client.post("/api/auth/register", json=ACCOUNT).status_code == 201
        token = log_in(client).json()["access_token"]
        kill(data_dir)
        # A read that has lost its connection is sent again; a write would get 503.
        headers = {"Authorization": f"Bearer {token}"}
        statuses = {client.get("/api/auth/me", headers=headers).status_code for _ in range(4)}
        code, log = served.stop()

    assert (statuses, code) == ({200}, 0)
    assert log.count("PostgreSQL in ") == log.count("it was started again") == 1


async def test_requests_are_refused_at_once_when_the_data_cannot_be_used(
    public_directory: Path,
) -> None:
    data_dir = public_directory / "spoilt"
    with serving("--migrate", DATA_DIR=str(data_dir)) as served, client_of(served) as client:
        assert client.post("/api/auth/register", json=ACCOUNT).status_code == 201
        (data_dir / "postgres" / "pgdata" / "global").rename(data_dir / "gone")
        kill(data_dir)
        await until(lambda: "cannot be started again" in served.log())
        answers = [log_in(client) for _ in range(3)]
        ready = client.get("/health/db")
        alive = client.get("/health/live")
        code, log = served.stop()

    assert [answer.status_code for answer in answers] == [503] * 3
    assert {answer.json()["type"] for answer in answers} == {"urn:wellhead:refused"}
    assert (ready.status_code, alive.status_code) == (503, 200)
    assert len(re.findall("ERROR .*cannot be started again; stop this program", log)) == 1
    # A request that waits for a connection in vain says for how long.
    assert "had no connection within" not in log
    assert "Traceback" not in log
    assert code == 0
