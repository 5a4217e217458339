"""The URL and the settings: can they be used, and what does each parameter do?"""

import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from wellhead.connecting import Connector
from wellhead.doctor.case import Case
from wellhead.doctor.findings import Diagnosis, Finding, Outcome
from wellhead.errors import ConfigurationError, SettingsError, URLError
from wellhead.settings import DatabaseSettings
from wellhead.settings.migrating import PREFIX
from wellhead.settings.one_place import NotGivenError
from wellhead.url import PostgresURL

NO_URL = Diagnosis(
    "no_url",
    Outcome.FAILURE,
    "No database URL is set.",
    "Without it nothing is known about the database. The doctor reads the environment and .env in "
    "the working directory, as the application does.",
    "DATABASE_URL=postgresql://user:password@host/database",
)
URL_UNUSABLE = Diagnosis(
    "url_unusable",
    Outcome.FAILURE,
    "The database URL cannot be used.",
    "The application ends at its start with the same sentence. Most often a special character of "
    "the password is not percent-encoded, or something was pasted with the URL.",
    "Correct the URL as the sentence says: @ in a password is written %40, / is %2F, # is %23.",
)
SETTINGS_UNUSABLE = Diagnosis(
    "settings_unusable",
    Outcome.FAILURE,
    "A setting is outside its range, or two settings contradict each other.",
    "The application ends at its start with the same sentence. Waits have to nest: a connection "
    "must be made in less time than a caller waits for it, and that in less than a request has.",
    "Change or remove the variable that the sentence names.",
)
UNKNOWN_SETTING = Diagnosis(
    "unknown_setting",
    Outcome.WARNING,
    "A variable with the prefix of the settings is not a setting, or is ignored.",
    "It has no effect, so the default is used. Usually it is a typo.",
    "Correct the name, or list it in DATABASE_APPLICATION_VARIABLES if it is the application's.",
)
IN_MEMORY = Diagnosis(
    "in_memory",
    Outcome.NOTE,
    "The URL means SQLite in memory.",
    "There is no server to examine. SQLite in memory is for tests: nothing in it lasts.",
    "DATABASE_URL=postgresql://user:password@host/database",
)
PARAMETER_CHANGED = Diagnosis(
    "parameter_changed",
    Outcome.NOTE,
    "A parameter of the URL has another effect than it says.",
    "Wellhead raises TLS modes that protect nothing on Neon, leaves out what the driver does not "
    "know, and turns off statement caches where they return wrong data.",
    "Nothing has to change. To be exact, write what the sentence says.",
)
NO_PASSWORD = Diagnosis(
    "no_password",
    Outcome.NOTE,
    "The URL has no password.",
    "The server then has to trust the address, the operating system's user, or a certificate. "
    "Neither PGPASSWORD nor a password file is read.",
    "Put the password into the URL, or into a file that DATABASE_PASSWORD_FILE names.",
)
NO_DIRECT_URL = Diagnosis(
    "no_direct_url",
    Outcome.WARNING,
    "The URL leads to a pooler, and the direct URL is not known.",
    "Migrations and advisory locks need a session of their own, which a transaction pooler does "
    "not give: `wellhead migrate` refuses to run.",
    "DATABASE_URL_DIRECT=postgresql://user:password@host-without-the-pooler/database",
)
DIAGNOSES = (
    NO_URL, URL_UNUSABLE, SETTINGS_UNUSABLE, UNKNOWN_SETTING, IN_MEMORY, PARAMETER_CHANGED,
    NO_PASSWORD, NO_DIRECT_URL,
)  # fmt: skip


async def check_url(case: Case) -> AsyncIterator[Finding]:
    """Read the settings, and say what the URL means."""
    complaints: list[str] = []
    try:
        with _hearing(complaints):
            case.connector = _connector(case)
    except NotGivenError as error:
        yield NO_URL.found(error.args[0])
    except URLError as error:
        yield URL_UNUSABLE.found(error.args[0])
    except (SettingsError, ConfigurationError) as error:
        yield SETTINGS_UNUSABLE.found(error.args[0], cure=error.hint or "")
    for complaint in complaints:
        yield UNKNOWN_SETTING.found(complaint)
    if case.connector is None:
        return
    url = case.settings.url
    if not isinstance(url, PostgresURL):
        case.is_over = True
        yield IN_MEMORY.found(f"{url} is SQLite in memory, which has no server.")
        return
    for finding in _of_postgres(case, url):
        yield finding


def _connector(case: Case) -> Connector:
    wishes = case.wishes
    if wishes.url is not None:
        return Connector(DatabaseSettings(url=wishes.url))
    if wishes.source is None:
        return Connector(
            DatabaseSettings(env_prefix=None if wishes.prefix == PREFIX else wishes.prefix)
        )
    return Connector.of(wishes.source)


def _of_postgres(case: Case, url: PostgresURL) -> Iterator[Finding]:
    way = "through a transaction pooler" if url.is_pooled else "directly"
    yield Finding(f"{url} leads {way} to {_named(url)}, by {url.driver}.")
    for note in url.notes:
        yield PARAMETER_CHANGED.found(note)
    if url.password is None and case.connecting.hooks.credentials is None:
        yield NO_PASSWORD.found("The URL has no password, and no file or function provides one.")
    try:
        case.settings.direct_url()
    except URLError as error:
        yield NO_DIRECT_URL.found(
            error.args[0],
            cure=f"{case.settings.variable_of('url_direct')}="
            "postgresql://user:password@host-without-the-pooler/database",
        )


def _named(url: PostgresURL) -> str:
    names = {"neon": "Neon", "pgbouncer": "PostgreSQL", "postgresql": "PostgreSQL"}
    return names[url.provider]


@contextmanager
def _hearing(complaints: list[str]) -> Iterator[None]:
    """Collect the warnings of the settings, which otherwise are lines of the log."""
    handler = _Ear(complaints)
    logger = logging.getLogger("wellhead.settings")
    propagates, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagates


class _Ear(logging.Handler):
    def __init__(self, heard: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._heard = heard

    def emit(self, record: logging.LogRecord) -> None:
        self._heard.append(record.getMessage())
