"""Which database is meant: every part comes from one source, never from two.

What is given in code is used alone. Of the environment and ``.env``, the one that names the
database supplies everything; a direct URL from the other could lead to another database.
"""

import logging
from collections.abc import Iterable, Mapping
from typing import Any, Final

from pydantic import SecretStr
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

from wellhead.errors import SettingsError, URLError
from wellhead.settings.checked import Contradiction
from wellhead.settings.variables import Variables
from wellhead.url import PostgresURL, SQLiteURL, parts_from

logger = logging.getLogger(__package__)

PARTS: Final = ("host", "port", "user", "password", "name", "driver", "parameters")
"""The fields that take the place of ``url``."""

PLACE: Final = ("url", "url_direct", "replica_url", "patroni_url", *PARTS)
"""The fields that say which database is meant."""

# Further addresses of the same database.
_BESIDE: Final = ("url_direct", "replica_url", "patroni_url")

# Without them, the other fields only say who connects and how, and complete a weaker source.
_WHERE: Final = {"url", "host", "port", "name"}


class OnePlace(Variables):
    """Variables that do not complete a database named by a stronger source."""

    def __call__(self) -> dict[str, Any]:
        """The given fields, without those of another database."""
        # In a text field, the word none has nothing to switch off.
        values = {
            name: "none" if value is None and name in PARTS else value
            for name, value in super().__call__().items()
        }
        stronger = {name for name, value in self.current_state.items() if value is not None}
        if not stronger & _WHERE:
            self._refuse_half(stronger, values)
            return values
        others = PLACE if "url" in stronger else ("url", *_BESIDE)
        left_out = [self._variable(name) for name in others if name in values]
        if left_out:
            logger.warning(
                "%s in .env: ignored, because the environment names the database.",
                ", ".join(left_out),
                extra={"event": "setting_left_out", "settings": left_out},
            )
        return {name: value for name, value in values.items() if name not in others}

    def _refuse_half(self, stronger: set[str], values: Mapping[str, Any]) -> None:
        for name in _BESIDE:
            if name in stronger and values.keys() & _WHERE:
                raise SettingsError(
                    f"{self._variable(name)} is set in the environment, but its database in "
                    ".env; set both in the same place, so that they mean one database."
                )

    def _variable(self, field: str) -> str:
        return f"{self._beside.env_prefix}{field}".upper()


class NotGivenError(URLError):
    """No field names a database, neither in code nor in the environment."""


def defaults_of(settings: type[BaseSettings]) -> set[str]:
    """The database fields that the class itself sets: a default in a class is code, too."""
    fields = {name: settings.model_fields[name] for name in PLACE}
    return {
        name
        for name, field in fields.items()
        if field.default_factory is not None or field.default not in (None, PydanticUndefined)
    }


def url_of_parts(values: Mapping[str, Any]) -> PostgresURL | None:
    """Build the URL from ``host``, ``name`` and the other parts.

    Args:
        values: The fields that could be used.

    Raises:
        Contradiction: A part is missing or cannot be used; without a text if the part's own
            field has reported it.
    """
    if any(name not in values for name in PARTS):
        raise Contradiction
    parts = _parts(values)
    if not parts:
        return None
    missing = [name for name in ("host", "name") if name not in parts]
    if missing:
        raise Contradiction(
            f"{{{missing[0]}}} is not set, but {{{next(iter(parts))}}} is: without {{url}}, "
            "{host} and {name} are required."
        )
    if isinstance(password := parts.get("password"), SecretStr):
        parts["password"] = password.get_secret_value()
    try:
        return PostgresURL.of_parts(parts_from(**parts))
    except URLError as error:
        shown = ", ".join(f"{{{name}}}" for name in parts)
        raise Contradiction(f"{shown}: {error.args[0]}") from None


def both(values: Mapping[str, Any]) -> Contradiction:
    """The error for a URL and parts at once."""
    part = next(iter(_parts(values)))
    return Contradiction(f"{{url}} and {{{part}}} are both set: keep either the URL or the parts.")


def replaced_by(changes: Iterable[str], fields: Iterable[str]) -> set[str]:
    """The fields of an earlier database that a new database makes void."""
    if "url" in changes:
        return set(PLACE)
    if set(changes) & set(PARTS):
        return {"url", *_BESIDE} if set(fields) & set(PARTS) else set()
    return set()


def refuse_another_database(url: PostgresURL | SQLiteURL, direct: PostgresURL | SQLiteURL) -> None:
    """Refuse a direct URL that clearly leads to another database than the pooled one.

    Two things show it: another database name, and another endpoint if both hosts are Neon's. The
    host and port of a pooler differ from those of its server, and the user can.

    Raises:
        Contradiction: It leads to another one.
    """
    one, other = _names(url), _names(direct)
    for what, name in one.items():
        if what in other and other[what] != name:
            raise Contradiction(
                f"{{url_direct}} names the {what} {other[what]!r}, but {{url}} the {what} "
                f"{name!r}; both must lead to one database."
            )


def refuse_another_name(url: PostgresURL, replica: PostgresURL) -> None:
    """Refuse a replica's URL that names another database.

    Raises:
        Contradiction: It does.
    """
    if url.database != replica.database:
        raise Contradiction(
            f"{{replica_url}} names the database {replica.database!r}, but {{url}} the database "
            f"{url.database!r}; a replica has the same."
        )


def _parts(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: values[name] for name in PARTS if values.get(name) is not None}


def _names(url: PostgresURL | SQLiteURL) -> dict[str, str]:
    if isinstance(url, SQLiteURL):
        return {"database": str(url)}
    names = {"database": url.database}
    if url.endpoint_id is not None:
        names["Neon endpoint"] = url.endpoint_id
    return names
