"""The login, exactly as the application does it."""

import asyncio
from collections.abc import AsyncIterator

from wellhead.connecting import build_engine, connect_first, plan_pool
from wellhead.doctor.case import Case
from wellhead.doctor.checks.login_refusals import diagnosis_of
from wellhead.doctor.checks.urls import SETTINGS_UNUSABLE
from wellhead.doctor.findings import Diagnosis, Finding, Outcome
from wellhead.errors import ConfigurationError, ConnectError

DRIVER_MISSING = Diagnosis(
    "driver_missing",
    Outcome.FAILURE,
    "The driver that the URL names is not installed.",
    "The application ends at its start with the same sentence.",
    'pip install "wellhead[psycopg]"',
)
LOGIN_TIMED_OUT = Diagnosis(
    "login_timed_out",
    Outcome.FAILURE,
    "The address accepts connections, and the login was not over in time.",
    "A sleeping database was still waking up, the server or its pooler is overloaded, or a proxy "
    "waits for a server that is away.",
    "DATABASE_CONNECT_TIMEOUT=15",
)
DIAGNOSES = (DRIVER_MISSING, LOGIN_TIMED_OUT)

# After TCP and TLS worked, the same words mean something else.
_SILENCE = {"port_filtered", "hung_up"}


async def check_login(case: Case) -> AsyncIterator[Finding]:
    """Log in by the application's driver, with its settings and hooks."""
    loop = asyncio.get_running_loop()
    try:
        connector = case.connecting.toward(case.settings.model_copy(update={"pool_mode": "none"}))
        engine = build_engine(connector, plan_pool(connector.settings))
        case.resources.push_async_callback(engine.dispose)
        case.resources.push_async_callback(connector.close)
        started = loop.time()
        connection = await connect_first(engine, connector)
    except ConfigurationError as error:
        is_missing = isinstance(error.__cause__, ModuleNotFoundError)
        diagnosis = DRIVER_MISSING if is_missing else SETTINGS_UNUSABLE
        yield diagnosis.found(error.args[0], cure=error.hint or "")
        return
    except ConnectError as error:
        yield _refused(case, error)
        return
    case.first_login = loop.time() - started
    case.resources.push_async_callback(connection.close)
    # The server refuses every write, and nothing is set that outlives a transaction.
    case.connection = await connection.execution_options(postgresql_readonly=True)
    user = case.url.user or "the operating system's user"
    yield Finding(
        f"{user} is logged in to {case.url.database}, in {1000 * case.first_login:.0f} ms."
    )


def _refused(case: Case, error: ConnectError) -> Finding:
    diagnosis = diagnosis_of(error)
    if diagnosis.code == "startup_parameter_refused" and not case.url.is_pooled:
        case.recommend_parameters("A pooler is in between.", pgbouncer=True)
    if diagnosis.code not in _SILENCE:
        return diagnosis.found(str(error.args[0]))
    variable = case.settings.variable_of("connect_timeout")
    limit = case.settings.effective_connect_timeout
    case.recommend("connect_timeout", 15, f"A login took longer than {limit:g} s.")
    may_sleep = "; the database may have been asleep" if case.settings.effective_may_sleep else ""
    return LOGIN_TIMED_OUT.found(
        f"The login took longer than {variable}, {limit:g} s{may_sleep}.", cure=f"{variable}=15"
    )
