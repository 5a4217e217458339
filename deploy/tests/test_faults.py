"""What the running stack survives: restarts, crashes, and being told to stop."""

import signal
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping

import httpx2
import pytest

from deploy.tests.engine import CLIENT, SECONDS, Compose, docker, images, inspect, until

MOST_STRANGERS = 8
BODY = b'{"email": "%s@example.com", "password": "correct horse battery staple"}'


@pytest.fixture
def tasks(client: httpx2.Client, request: pytest.FixtureRequest) -> str:
    """The path of the tasks of a user who is logged in on the client, with one task in it."""
    name = "".join(filter(str.isalnum, request.node.name))[-40:]
    who = {"email": f"{name}@example.com", "password": "correct horse battery staple"}
    user = client.post("/api/auth/register", json=who).raise_for_status().json()
    form = {"username": who["email"], "password": who["password"]}
    token = client.post("/api/auth/login", data=form).raise_for_status().json()["access_token"]
    client.headers["Authorization"] = f"Bearer {token}"
    path = f"/api/{user['id']}/tasks"
    client.post(path, json={"title": "Kept"}).raise_for_status()
    return path


@pytest.fixture
def _api_is_up_again(stack: Compose) -> Iterator[None]:
    yield
    docker("start", stack.container("api"))
    until(lambda: stack.state("api")["Health"]["Status"] == "healthy", "the API is healthy")


def restart(container: str) -> None:
    docker("restart", container)


def crash(container: str) -> None:
    docker("kill", "--signal=KILL", container)
    docker("start", container)


def address(container: str) -> str:
    (network,) = inspect(container)["NetworkSettings"]["Networks"].values()
    return str(network["IPAddress"])


def move(container: str) -> None:
    """Restart it after another container has taken its address."""
    before = address(container)
    (network,) = inspect(container)["NetworkSettings"]["Networks"]
    docker("stop", container)
    docker("network", "disconnect", network, container)
    # Which free address the engine gives is its own affair.
    strangers: list[str] = []
    while before not in map(address, strangers) and len(strangers) < MOST_STRANGERS:
        strangers.append(f"{container}-stranger-{len(strangers)}")
        command = ["--rm", "--detach", "--name", strangers[-1], "--network", network]
        docker("run", *command, "--entrypoint", "sleep", images()[0], "600")
    docker("network", "connect", "--alias", container.split("-")[-2], network, container)
    docker("start", container)
    docker("kill", *strangers)
    assert address(container) != before


@pytest.mark.parametrize("service", ["db", "pgbouncer"])
@pytest.mark.parametrize("fault", [restart, crash, move])
def test_the_api_survives_a_restart_a_crash_and_a_move_under_load(
    stack: Compose, client: httpx2.Client, tasks: str, service: str, fault: object
) -> None:
    assert callable(fault)
    started = stack.state("api")["StartedAt"]
    trouble = threading.Thread(target=fault, args=[stack.container(service)])
    trouble.start()
    statuses = []
    while trouble.is_alive():
        statuses.append(client.get(tasks).status_code)
    trouble.join()

    until(lambda: client.get(tasks).status_code == 200, "tasks are listed again")
    assert set(statuses) <= {200, 503}
    assert len(client.get(tasks).json()["items"]) == 1
    assert stack.state("api")["StartedAt"] == started


@pytest.mark.usefixtures("_api_is_up_again")
def test_sigterm_lets_a_request_in_flight_finish(
    stack: Compose, variables: Mapping[str, str]
) -> None:
    host, port = variables["API_ADDRESS"].split(":")
    body = BODY % b"drained"
    head = (
        f"POST /api/auth/register HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection((host, int(port)), timeout=SECONDS) as connection:
        connection.sendall(head.encode() + body[:10])
        with subprocess.Popen([CLIENT, "stop", stack.container("api")]) as stop:
            until(lambda: "Shutting down" in stack.logs("api"), "the server shuts down")
            connection.sendall(body[10:])
            answer = connection.makefile("rb").read()
            stop.wait()

    assert answer.startswith(b"HTTP/1.1 201 ")
    assert stack.state("api")["ExitCode"] == 0
    assert stack.sql("SELECT count(*) FROM users WHERE email = 'drained@example.com'") == "1"


@pytest.mark.usefixtures("_api_is_up_again")
def test_the_api_closes_its_connections_when_it_is_stopped(stack: Compose) -> None:
    stack("stop", "api")
    log = stack.logs("api")

    assert log.count('"event": "database_closed"') == log.count('"event": "database_opened"')
    assert stack.state("api")["ExitCode"] == 0
    assert inspect(stack.container("api"))["State"]["OOMKilled"] is False


def hears_sigterm(container: str) -> bool:
    """Whether process 1 has a handler; see man 5 proc of SigCgt."""
    status = docker("exec", container, "cat", "/proc/1/status", check=False).stdout
    caught = status.partition("SigCgt:")[2].split()[:1]
    return bool(caught) and bool(int(caught[0], 16) >> (signal.SIGTERM - 1) & 1)


@pytest.mark.parametrize("when", ["as soon as it hears it", "while it waits for the database"])
def test_sigterm_is_obeyed_before_the_server_is_up(stack: Compose, when: str) -> None:
    name = f"{stack.project}-starting"
    variables = {
        "DATABASE_URL": "postgresql://nobody:word@127.0.0.1:1/none",
        "DATABASE_CONNECT_RETRY_COUNT": "100",
        "JWT_SECRET_KEY": "0123456789abcdefghijklmnopqrstuvwxyz",
    }
    environment = [part for item in variables.items() for part in ("--env", "=".join(item))]
    docker("run", "--detach", "--read-only", "--name", name, *environment, images()[0])
    # Before a program has a handler, Linux keeps every signal from process 1.
    until(lambda: hears_sigterm(name), "it hears SIGTERM")
    if when != "as soon as it hears it":
        until(lambda: "waiting for the database" in docker("logs", name).stderr, "it waits")
    docker("stop", "--time", "60", name)
    code = inspect(name)["State"]["ExitCode"]
    docker("rm", name)

    assert code == 128 + signal.SIGTERM
