"""`compose.yaml` as it runs: what it serves, what it shows, and what it keeps to itself."""

import json
from pathlib import Path

import httpx2
import pytest

from deploy.tests.engine import Compose, inspect

SERVICES = ("api", "migrate", "pgbouncer", "db")
ACTIVITY = (
    "SELECT pid, backend_start, state_change FROM pg_stat_activity "
    "WHERE datname = 'todo' ORDER BY pid"
)


def test_the_api_answers_from_outside(client: httpx2.Client) -> None:
    who = {"email": "outside@example.com", "password": "correct horse battery staple"}
    user = client.post("/api/auth/register", json=who).raise_for_status().json()
    form = {"username": who["email"], "password": who["password"]}
    token = client.post("/api/auth/login", data=form).raise_for_status().json()["access_token"]
    client.headers["Authorization"] = f"Bearer {token}"
    tasks = f"/api/{user['id']}/tasks"
    made = client.post(tasks, json={"title": "Ship it", "tags": ["work"]}).raise_for_status()

    assert client.get(f"{tasks}/{made.json()['id']}").json()["title"] == "Ship it"


def test_health_and_database_are_reported_good(client: httpx2.Client) -> None:
    assert client.get("/health").json()["status"] == "alive"
    assert client.get("/health/db").json()["status"] == "healthy"


@pytest.mark.parametrize("service", ["api", "pgbouncer", "db"])
def test_the_engine_finds_it_healthy(stack: Compose, service: str) -> None:
    assert stack.state(service)["Health"]["Status"] == "healthy"


def test_the_schema_was_there_before_the_api_served(stack: Compose) -> None:
    migrated, served = stack.state("migrate"), stack.state("api")

    assert migrated["ExitCode"] == 0
    assert migrated["FinishedAt"] < served["StartedAt"]


def test_the_api_reaches_the_database_through_the_pooler_only(
    stack: Compose, client: httpx2.Client
) -> None:
    client.get("/health/db").raise_for_status()
    # The pooler alone shares the server's socket; everybody else would come by the network.
    seen = stack.sql(
        "SELECT DISTINCT coalesce(host(client_addr), 'socket') FROM pg_stat_activity "
        "WHERE datname = 'todo'",
        database="postgres",
    )

    assert seen == "socket"


def test_a_health_check_of_the_container_is_no_query(stack: Compose) -> None:
    before = stack.sql(ACTIVITY, database="postgres")
    for _ in range(5):
        stack.inside("api", "python", "-I", "-m", "todo.healthcheck")
        stack.inside("pgbouncer", "bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/6432")

    assert stack.sql(ACTIVITY, database="postgres") == before != ""


def test_the_server_is_process_one_and_not_root(stack: Compose) -> None:
    status = stack.inside("api", "cat", "/proc/1/status")
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)

    assert fields["Name"] == "todo"
    assert fields["Uid"].split() == ["10001"] * 4
    assert int(fields["CapEff"], 16) == 0
    assert fields["NoNewPrivs"] == "1"


@pytest.mark.parametrize("service", ["api", "pgbouncer"])
@pytest.mark.parametrize("path", ["/", "/app", "/etc", "/usr/local/bin", "/var", "/opt"])
def test_the_file_system_is_read_only(stack: Compose, service: str, path: str) -> None:
    answer = stack.inside(service, "mkdir", f"{path}/written-{service}", check=False)

    assert "Read-only file system" in answer or "No such file or directory" in answer


def test_only_the_api_is_reached_from_outside_and_only_from_this_machine(stack: Compose) -> None:
    bindings = {
        service: [
            address["HostIp"]
            for addresses in (
                inspect(stack.container(service))["NetworkSettings"]["Ports"]
            ).values()
            for address in addresses or []
        ]
        for service in ("api", "pgbouncer", "db")
    }

    assert bindings == {"api": ["127.0.0.1"], "pgbouncer": [], "db": []}


def test_the_databases_network_leads_nowhere_else(stack: Compose) -> None:
    assert inspect(f"{stack.project}_database")["Internal"] is True
    assert set(inspect(stack.container("db"))["NetworkSettings"]["Networks"]) == {
        f"{stack.project}_database"
    }


@pytest.mark.parametrize("service", SERVICES)
def test_no_secret_shows_in_inspect_in_the_environment_or_in_the_log(
    stack: Compose, service: str, secrets_directory: Path
) -> None:
    told = json.dumps(inspect(stack.container(service))) + stack.logs(service)
    if service != "migrate":
        told += stack.inside(service, "cat", "/proc/1/environ")
    words = [path.read_text().strip() for path in secrets_directory.iterdir()]

    assert len(words) == 4
    assert not [word for word in words if word in told]


def test_each_service_is_given_its_own_secrets_only(stack: Compose) -> None:
    def given(service: str) -> set[str]:
        mounts = inspect(stack.container(service))["Mounts"]
        names = (Path(mount["Destination"]) for mount in mounts)
        return {path.name for path in names if path.parent == Path("/run/secrets")}

    assert {service: given(service) for service in SERVICES} == {
        "api": {"database_url", "jwt_secret_key"},
        "migrate": {"database_url_direct", "jwt_secret_key"},
        "pgbouncer": {"postgres_password"},
        "db": {"postgres_password"},
    }


def test_the_log_is_json_without_addresses_in_the_clear(stack: Compose) -> None:
    lines = [line for line in stack.logs("api").splitlines() if line.startswith("{")]

    assert {"database_opened"} <= {json.loads(line).get("event") for line in lines}


def test_no_container_had_to_be_started_twice(stack: Compose) -> None:
    restarts = {service: inspect(stack.container(service))["RestartCount"] for service in SERVICES}

    assert restarts == dict.fromkeys(SERVICES, 0)
