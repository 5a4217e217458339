"""The login, exactly as the application does it."""

import asyncio
from collections.abc import AsyncIterator

from wellhead.connecting import build_engine, connect_first, plan_pool
from wellhead.doctor.case import Case
from wellhead.doctor.checks.login_refusals import diagnosis_of
from wellhead.doctor.findings import Diagnosis, Finding, Outcome
from wellhead.errors import ConfigurationError, ConnectError

DRIVER_MISSING = Diagnosis(
    "driver_missing",
    Outcome.FAILURE,
    "The driver that the URL names is not installed.",
    "The application ends at its start with the same sentence.",
    'pip install "wellhead[psycopg]"',
)
DIAGNOSES = (DRIVER_MISSING,)


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
        yield DRIVER_MISSING.found(error.args[0], cure=error.hint or "")
        return
    except ConnectError as error:
        yield diagnosis_of(error).found(str(error.args[0]))
        return
    case.first_login = loop.time() - started
    case.resources.push_async_callback(connection.close)
    # The server refuses every write, and nothing is set that outlives a transaction.
    case.connection = await connection.execution_options(postgresql_readonly=True)
    user = case.url.user or "the operating system's user"
    yield Finding(
        f"{user} is logged in to {case.url.database}, in {1000 * case.first_login:.0f} ms."
    )
