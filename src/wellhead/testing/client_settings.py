"""The settings with which a connection of the application starts, as one statement."""

import shlex
from collections.abc import Mapping
from typing import Final

_UNSET: Final = {
    "user",
    "database",
    "client_encoding",
    "replication",
    "idle_in_transaction_session_timeout",
}


def statement_of(settings: Mapping[str, str]) -> str:
    """What makes these settings on another connection; empty where there are none.

    Args:
        settings: The names and values of a startup message, with the options of libpq.
    """
    given = {name: value for name, value in settings.items() if name not in _UNSET}
    options = shlex.split(given.pop("options", "").replace("\\ ", " "))
    for option in options:
        name, is_set, value = option.removeprefix("-c").removeprefix("--").partition("=")
        if is_set:
            given[name] = value
    calls = ", ".join(
        f"pg_catalog.set_config({_literal(name)}, {_literal(value)}, false)"
        for name, value in given.items()
        if name.lower() not in _UNSET
    )
    return f"SELECT {calls};" if calls else ""


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
