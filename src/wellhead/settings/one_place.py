"""Which database is meant: every part of the answer from one place, and never from two.

What is given in code stands alone. Of the environment and ``.env``, the one that says where the
database is says it all; a direct URL of the other one could lead to another database.
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

PLACE: Final = ("url", "url_direct", *PARTS)
"""The fields that say which database is meant."""

# Without them the others say who connects and how, and complete what a weaker source says.
_WHERE: Final = {"url", "host", "port", "name"}


class OnePlace(Variables):
    """Variables that do not complete the database which a stronger source names."""

    def __call__(self) -> dict[str, Any]:
        """The fields that are given, without those of another database."""
        # There is nothing for the word none to switch off in a text.
        values = {
            name: "none" if value is None and name in PARTS else value
            for name, value in super().__call__().items()
        }
        stronger = {name for name, value in self.current_state.items() if value is not None}
        if not stronger & _WHERE:
            self._refuse_half(stronger, values)
            return values
        others = PLACE if "url" in stronger else ("url", "url_direct")
        left_out = [self._variable(name) for name in others if name in values]
        if left_out:
            logger.warning(
                "%s in .env: left out, because the environment names the database.",
                ", ".join(left_out),
                extra={"event": "setting_left_out", "settings": left_out},
            )
        return {name: value for name, value in values.items() if name not in others}

    def _refuse_half(self, stronger: set[str], values: Mapping[str, Any]) -> None:
        if "url_direct" in stronger and values.keys() & _WHERE:
            raise SettingsError(
                f"{self._variable('url_direct')} is set in the environment, and its database in "
                ".env; set both in the same place, so that they mean one database."
            )

    def _variable(self, field: str) -> str:
        return f"{self._beside.env_prefix}{field}".upper()


class NotGivenError(URLError):
    """No field says which database is meant, neither in code nor in the environment."""


def defaults_of(settings: type[BaseSettings]) -> set[str]:
    """The fields of the database that the class itself gives: a default in a class is code, too."""
    fields = {name: settings.model_fields[name] for name in PLACE}
    return {
        name
        for name, field in fields.items()
        if field.default_factory is not None or field.default not in (None, PydanticUndefined)
    }


def url_of_parts(values: Mapping[str, Any]) -> PostgresURL | None:
    """Make the URL that ``host``, ``name`` and the other parts stand for.

    Args:
        values: The fields that could be used.

    Raises:
        Contradiction: A part is missing, or cannot be used; without a text where the part's own
            field has said so.
    """
    if any(name not in values for name in PARTS):
        raise Contradiction
    parts = _parts(values)
    if not parts:
        return None
    missing = [name for name in ("host", "name") if name not in parts]
    if missing:
        raise Contradiction(
            f"{{{missing[0]}}} is not set, and {{{next(iter(parts))}}} is: without {{url}}, "
            "{host} and {name} are needed."
        )
    if isinstance(password := parts.get("password"), SecretStr):
        parts["password"] = password.get_secret_value()
    try:
        return PostgresURL.of_parts(parts_from(**parts))
    except URLError as error:
        shown = ", ".join(f"{{{name}}}" for name in parts)
        raise Contradiction(f"{shown}: {error.args[0]}") from None


def both(values: Mapping[str, Any]) -> Contradiction:
    """What to say of a URL and parts at once."""
    part = next(iter(_parts(values)))
    return Contradiction(f"{{url}} and {{{part}}} are both set: keep the URL, or the parts.")


def replaced_by(changes: Iterable[str], fields: Iterable[str]) -> set[str]:
    """The fields of an earlier database that do not count beside those of another one."""
    if "url" in changes:
        return set(PLACE)
    if set(changes) & set(PARTS):
        return {"url", "url_direct"} if set(fields) & set(PARTS) else set()
    return set()


def refuse_another_database(url: PostgresURL | SQLiteURL, direct: PostgresURL | SQLiteURL) -> None:
    """Refuse a direct URL that shows that it leads to another database than the pooled one.

    Only what cannot be otherwise shows it: the database's name, and the endpoint where both hosts
    are Neon's. A pooler and its server differ in host and port, and may in the user.

    Raises:
        Contradiction: It does.
    """
    one, other = _names(url), _names(direct)
    for what, name in one.items():
        if what in other and other[what] != name:
            raise Contradiction(
                f"{{url_direct}} names the {what} {other[what]!r}, and {{url}} the {what} "
                f"{name!r}; both must lead to one database."
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
