"""Pooled or direct, found by what happens and not by the name of the host.

A server names its process at the login, and a pooler an invented one. Behind a transaction pooler a
client has no server process of its own: two clients that are both connected meet the same process,
or one client meets two. Nothing is set for finding that out, and
nothing is left behind. What a pooler does with parameters at the start of a connection is known
from the application's own: they are refused, or the server does not have them.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from wellhead.doctor.case import Case
from wellhead.doctor.findings import Diagnosis, Finding, Outcome
from wellhead.doctor.questions import ask, connect_probe, sent_at_start

POOLED_UNSAID = Diagnosis(
    "pooled_unsaid",
    Outcome.FAILURE,
    "The URL leads to a transaction pooler, and does not say so.",
    "Without knowing, Wellhead prepares statements and sends settings at the start of a "
    "connection: the former fail now and then, on a server connection that does not have them, or "
    "the latter are refused.",
    "Add pgbouncer=true to the URL.",
)
POOLED_WRONGLY = Diagnosis(
    "pooled_wrongly",
    Outcome.WARNING,
    "The URL says that it leads to a transaction pooler, and it does not.",
    "Each statement costs one more round trip, since none stays prepared, and the server's time "
    "limits are only set in transactions.",
    "Remove pgbouncer=true from the URL, or correct the port.",
)
POOLED_BY_SESSION = Diagnosis(
    "pooled_by_session",
    Outcome.NOTE,
    "A proxy, or a pooler in session mode, is between the application and the server.",
    "In session mode each connection of your pool holds one of the pooler's as long as it is open: "
    "its pool_size is your limit.",
    "Nothing has to change. For more clients than server connections, use transaction mode.",
)
PARAMETERS_IGNORED = Diagnosis(
    "parameters_ignored",
    Outcome.WARNING,
    "What the settings send at the start of a connection does not reach the server.",
    "A pooler in between leaves out parameters that it does not know, such as time limits: the "
    "settings say that they are in force, and they are not.",
    "Set them for the role: ALTER ROLE app SET statement_timeout = '5s'",
)
STATEMENTS_NOT_KEPT = Diagnosis(
    "statements_not_kept",
    Outcome.NOTE,
    "The pooler does not keep prepared statements.",
    "It is PgBouncer before 1.21, or has max_prepared_statements = 0. Wellhead relies on none; "
    "other programs of yours may, and fail with 'prepared statement does not exist'.",
    "Nothing has to change here. For other programs: PgBouncer 1.21 or newer with "
    "max_prepared_statements = 200",
)
STATEMENTS_LOST = Diagnosis(
    "statements_lost",
    Outcome.FAILURE,
    "Prepared statements are turned on, and the pooler does not keep them.",
    "A statement that was prepared on one server connection is executed on another, which does not "
    "have it, or has another one of that name.",
    "DATABASE_PREPARED_STATEMENTS=auto",
)
DIAGNOSES = (
    POOLED_UNSAID, POOLED_WRONGLY, POOLED_BY_SESSION, PARAMETERS_IGNORED, STATEMENTS_NOT_KEPT,
    STATEMENTS_LOST,
)  # fmt: skip

_PROCESS: Final = "SELECT pg_catalog.pg_backend_pid()"
_PREPARED: Final = "SELECT EXISTS (SELECT FROM pg_catalog.pg_prepared_statements WHERE name = $1)"
_ARRIVED: Final = "SELECT lower(name) AS name FROM pg_catalog.pg_settings WHERE source = 'client'"
_ROUNDS: Final = 3
_PATIENCE: Final = 5.0
"""Seconds for a transaction while another one is open; a pooler may have no server connection."""


async def check_pooler(case: Case) -> AsyncIterator[Finding]:
    """Compare the processes that two connected clients meet."""
    key = case.probe.get_server_pid()
    [[process]] = await ask(case.probe, _PROCESS)
    is_pooled = False
    # A login that named the very process is direct; no pooler passes its server's on.
    if key != process:
        another = await connect_probe(case)
        is_pooled = await _is_shared(case.probe, another)
        if case.probe.is_closed():
            # It waited for a server connection that the other one had.
            case.probe = another
    case.pools_transactions = is_pooled
    keeps = await _keeps_statements(case.probe) if is_pooled else True
    says = case.url.is_pooled
    if is_pooled and not says:
        case.recommend_parameters("A transaction pooler is in between.", pgbouncer=True)
        seen = "Two clients met the same server process: a transaction pooler is in between."
        yield POOLED_UNSAID.found(seen, outcome=Outcome.WARNING if keeps else Outcome.FAILURE)
    elif is_pooled:
        refuses = "; it refuses start-up parameters" if case.refuses_parameters else ""
        yield Finding(f"A transaction pooler is in between, as the URL says{refuses}.")
    elif key != process or case.refuses_parameters:
        refuses = ", and a start-up parameter is refused" if case.refuses_parameters else ""
        yield POOLED_BY_SESSION.found(
            f"The server's process is not the one that the login named{refuses}."
        )
    elif says:
        case.recommend_parameters("The connection is direct.", pgbouncer=None)
        yield POOLED_WRONGLY.found("Each client has a server process of its own: it is direct.")
    else:
        yield Finding("The connection is direct, as the URL says.")
    if missing := await _missing(case):
        yield _ignored(case, missing)
    if is_pooled:
        yield _of_statements(case, keeps=keeps)


def _ignored(case: Case, missing: Mapping[str, str]) -> Finding:
    role = case.url.user or "app"
    return PARAMETERS_IGNORED.found(
        f"The server did not get {', '.join(missing)}, which the settings send at the start.",
        cure="; ".join(f"ALTER ROLE {role} SET {name} = '{missing[name]}'" for name in missing),
    )


def _of_statements(case: Case, *, keeps: bool) -> Finding:
    if keeps:
        return Finding("The pooler keeps prepared statements; Wellhead does not rely on it.")
    if case.settings.prepared_statements != "on":
        return STATEMENTS_NOT_KEPT.found(
            "The pooler passed a statement on under the client's name."
        )
    case.recommend("prepared_statements", "auto", "The pooler does not keep them.")
    return STATEMENTS_LOST.found(
        "Prepared statements are on, and the pooler passed one on under the client's name.",
        cure=f"{case.settings.variable_of('prepared_statements')}=auto",
    )


async def _missing(case: Case) -> dict[str, str]:
    """What the settings send at the start of a connection, and the server does not have of it."""
    sent = sent_at_start(case)
    if not sent:
        return {}
    arrived = {row["name"] for row in await ask(case.probe, _ARRIVED)}
    return {name: value for name, value in sent.items() if name not in arrived}


async def _is_shared(first: Any, second: Any) -> bool:
    """Whether two connected clients share server processes."""
    for _ in range(_ROUNDS):
        [[before]] = await ask(first, _PROCESS)
        async with second.transaction(readonly=True):
            if await second.fetchval(_PROCESS) == before:
                return True
            # What the first one met may now be another client's, so that it meets a third.
            try:
                async with asyncio.timeout(_PATIENCE):
                    [[after]] = await ask(first, _PROCESS)
            except TimeoutError:
                return True
            if after != before:
                return True
    return False


async def _keeps_statements(connection: Any) -> bool:
    """Whether a prepared statement reaches the server under a name of the pooler's own."""
    name = f"wellhead_doctor_{secrets.token_hex(4)}"
    async with connection.transaction(readonly=True):
        # It looks for itself.
        statement = await connection.prepare(_PREPARED, name=name)
        is_there = await statement.fetchval(name)
        if is_there:
            # In the same transaction, so on the same server connection.
            await connection.execute(f'DEALLOCATE "{name}"')
    return not is_there
