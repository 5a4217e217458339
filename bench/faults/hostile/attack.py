"""Figure 6, bad input: a corpus is sent to a service, and what it did is counted."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import httpx2

from bench.faults.hostile.corpus import REFUSED, Corpus, Harm, HostileRequest, Person
from bench.faults.hostile.evidence import Snapshot, signs_of
from bench.faults.hostile.operations import Operation, operations
from bench.faults.todo_service import KEY, TodoService

SETTINGS = {
    "METRICS": "true",
    # A request refused by a rate limit is not examined further.
    "LOGIN_ATTEMPTS_PER_ACCOUNT": "1000000 per minute",
    "LOGIN_ATTEMPTS_PER_ADDRESS": "1000000 per minute",
    "REGISTRATIONS_PER_ADDRESS": "1000000 per minute",
}
"""How the service is set."""

# Not the example of the document: with that one the attacker's account would soon be gone.
_FROM_HERE = '"network":"127.0.0.1"'
_PASSWORD = "none of the examples in the document"
_AT_ONCE = 8

# A user who registers with a fragment of SQL as the password may log in with it.
_NEW_ROWS = {"/api/auth/register": ("users", "known_networks"), "/api/auth/login": ("logins",)}

Make = Callable[[list[Operation], Person, Person], Iterable[HostileRequest]]


@dataclass
class Outcome:
    """What came of an attack.

    Attributes:
        sent: How many requests tried what.
        statuses: How often which status was answered; 0 means no response.
        operations: Which operations were asked.
        failed: Requests that were answered with 5xx, or not at all.
        accepted: Requests that had to be refused and were not.
        leaks: Requests whose responses contain a word that must not be visible.
        changed: Rows that changed and should not have.
    """

    sent: Counter[Harm] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    operations: int = 0
    failed: list[str] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)
    leaks: list[str] = field(default_factory=list)
    changed: list[tuple[str, str]] = field(default_factory=list)

    def note(self, request: HostileRequest, status: int, text: str, signs: Iterable[str]) -> None:
        """Judge one answer."""
        words = f"{request.name}: {request.method} {request.target[:100]} -> {status}"
        self.sent[request.harm] += 1
        self.statuses[status] += 1
        if not 100 <= status < 500:
            self.failed.append(words)
        elif request.harm in REFUSED and status < 400:
            self.accepted.append(words)
        self.leaks += [f"{sign!r} in {words}" for sign in signs if sign in text.lower()]


async def attack(service: TodoService, url: str, make: Make) -> Outcome:
    """Send requests to a service and compare its database with what it was before.

    Args:
        service: Runs with `SETTINGS`.
        url: Its database.
        make: Makes the requests, of the operations, an attacker and a victim; see `corpus`.
    """
    client, outcome, signs = service.client, Outcome(), signs_of(url)
    attacker, victim = [await _settle(client, name) for name in ("attacker", "victim")]
    document = (await client.get("/openapi.json")).raise_for_status().json()
    # What Prometheus scrapes is not described.
    known = [*operations(document), Operation("GET", "/metrics"), Operation("GET", "/openapi.json")]
    outcome.operations = len(known)
    requests = iter(make(known, attacker, victim))
    acknowledged: Counter[str] = Counter()

    async def send_all(requests: Iterator[HostileRequest]) -> None:
        for request in requests:
            status, text = await _send(client, request)
            outcome.note(request, status, text, signs)
            if 200 <= status < 300:
                acknowledged.update(_NEW_ROWS.get(request.target.partition("?")[0], ()))

    before = await Snapshot.take(url, but=attacker.ids["user_id"])
    await asyncio.gather(*(send_all(requests) for _ in range(_AT_ONCE)))
    after = await Snapshot.take(url, but=attacker.ids["user_id"])
    outcome.changed = before.changed(after, acknowledged=acknowledged, victim=victim.ids["user_id"])
    return outcome


def corpus(
    known: list[Operation], attacker: Person, victim: Person, *, every: int = 1
) -> Iterable[HostileRequest]:
    """The corpus against a `TodoService`."""
    return Corpus(known, attacker=attacker, victim=victim, key=KEY, every=every)


async def _send(client: httpx2.AsyncClient, request: HostileRequest) -> tuple[int, str]:
    headers = {"Host": b"todo.test", **request.headers}
    try:
        answer = await client.request(
            request.method,
            request.target,
            headers=[(name.encode(), value) for name, value in headers.items()],
            content=request.body,
        )
    except httpx2.TransportError as error:
        return 0, str(error)
    lines = [f"{name}: {value}" for name, value in answer.headers.multi_items()]
    # A login shows its owner where it came from: here from the host that has the database, too.
    text = answer.text.replace(_FROM_HERE, "")
    return answer.status_code, "\n".join([*lines, text])


async def _settle(client: httpx2.AsyncClient, name: str) -> Person:
    """Register a user and give them a tagged task, two logins and an API token."""
    account = {"email": f"{name}@example.com", "password": _PASSWORD}
    (await client.post("/api/auth/register", json=account)).raise_for_status()
    tokens = [await _log_in(client, account["email"]) for _ in range(2)]
    headers = {"Authorization": f"Bearer {tokens[0]}"}
    me = (await client.get("/api/auth/me", headers=headers)).raise_for_status().json()
    made = await client.post(
        f"/api/{me['id']}/tasks", headers=headers, json={"title": name, "tags": [name]}
    )
    task = made.raise_for_status().json()
    logins = (await client.get("/api/auth/logins", headers=headers)).raise_for_status().json()
    token = await client.post(
        "/api/auth/tokens", headers=headers, json={"name": name, "scope": "read"}
    )
    ids = {
        "user_id": me["id"],
        "task_id": task["id"],
        "tag_id": task["tags"][0]["id"],
        "login_id": next(each["id"] for each in logins["items"] if not each["is_current"]),
        "token_id": token.raise_for_status().json()["id"],
    }
    return Person(ids, *tokens)


async def _log_in(client: httpx2.AsyncClient, email: str) -> str:
    form = {"username": email, "password": _PASSWORD}
    answer = (await client.post("/api/auth/login", data=form)).raise_for_status()
    return str(answer.json()["access_token"])
