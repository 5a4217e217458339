"""Settings whose errors say which variable cannot be used, and what it accepts."""

import difflib
import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Annotated, Any, ClassVar

from pydantic import Field, PrivateAttr, TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from wellhead.errors import ConfigurationError, SettingsError
from wellhead.settings.variables import Variables

VariableOf = Callable[[str], str]

_COMMENT = (
    "The comment was read as part of the value, as docker run --env-file and systemd do: put it on "
    "a line of its own."
)


class Contradiction(ValueError):  # noqa: N818 - it becomes a SettingsError
    """Fields that cannot be used together; ``{name}`` in its text is replaced by the variable."""

    def sentence(self, variable_of: VariableOf) -> str:
        """The text with the names of the variables."""
        return re.sub(r"\{(\w+)\}", lambda match: variable_of(match[1]), str(self))


class CheckedSettings(BaseSettings):
    """Settings of keyword arguments, the environment and ``.env``, in this order; then frozen.

    An empty variable counts as unset.

    Args:
        values: The fields given in code; and ``env_prefix``, a prefix for the variables in place
            of the class's own.

    Raises:
        SettingsError: An unknown keyword, or values that cannot be used: one line each, with the
            variable, the value and what it accepts.
    """

    secret_fields: ClassVar[tuple[str, ...]] = ()
    """The fields that can also be read from a file named by a variable such as
    `DATABASE_URL_FILE`; no message shows their values."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_file_encoding="utf-8",
        # Compose files write NAME= for an unset variable.
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        # Most classes are only inherited from; a class that is used is built on first use.
        defer_build=True,
    )

    _env_prefix: str | None = PrivateAttr(default=None)

    def __init__(self, **values: Any) -> None:
        # As a parameter of its own it would keep mypy from accepting a **dict of numbers.
        env_prefix = values.pop("env_prefix", None)
        if env_prefix is not None and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*_", env_prefix):
            raise SettingsError(
                f"The env_prefix {env_prefix!r} is invalid: use letters, digits and underscores, "
                "with an underscore at the end, such as ARCHIVE_DATABASE_."
            )
        fields = type(self).model_fields
        unknown = sorted(set(values) - set(fields))
        if unknown:
            raise SettingsError(
                f"{type(self).__name__} has no field {unknown[0]!r}.{nearest(unknown[0], fields)}"
            )
        try:
            super().__init__(_env_prefix=env_prefix, **values)
        except ValidationError as error:
            variable_of = partial(self._variable, self._prefix(env_prefix))
            raise self._refusal(error.errors(include_url=False), variable_of) from None
        except UnicodeDecodeError:
            raise SettingsError(
                "The file .env in the working directory is not UTF-8 text; save it as UTF-8."
            ) from None
        self._env_prefix = env_prefix

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - pydantic's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let secrets come from files, which a variable with the suffix _FILE names."""
        return init_settings, cls._variables(env_settings), cls._variables(dotenv_settings)

    @classmethod
    def _variables(cls, source: PydanticBaseSettingsSource) -> PydanticBaseSettingsSource:
        """The variables of the environment or of ``.env``, as this class reads them."""
        assert isinstance(source, EnvSettingsSource)  # noqa: S101 - pydantic's own are
        return Variables(source, *cls.secret_fields)

    def variable_of(self, field: str) -> str:
        """The environment variable of a field, such as ``DATABASE_POOL_SIZE``."""
        return self._variable(self._prefix(self._env_prefix), field)

    @classmethod
    def _prefix(cls, given: str | None) -> str:
        return cls.model_config.get("env_prefix", "") if given is None else given

    @staticmethod
    def _variable(prefix: str, field: str) -> str:
        return f"{prefix}{field}".upper()

    @classmethod
    def _refusal(
        cls, faults: Sequence[ErrorDetails], variable_of: VariableOf
    ) -> ConfigurationError:
        sentences = (cls._sentence(fault, variable_of) for fault in faults)
        return SettingsError("\n".join(filter(None, sentences)))

    @classmethod
    def _sentence(cls, fault: ErrorDetails, variable_of: VariableOf) -> str:
        own = fault.get("ctx", {}).get("error")
        if isinstance(own, Contradiction):
            return own.sentence(variable_of)
        if not fault["loc"]:
            return str(own or fault["msg"])
        name = str(fault["loc"][0])
        value = "(hidden)" if name in cls.secret_fields else repr(fault["input"])
        takes = accepted_values(cls.model_fields[name])
        why = f"it must be {takes}" if takes else fault["msg"][0].lower() + fault["msg"][1:]
        sentence = f"{variable_of(name)} is {value}; {own or why}."
        return f"{sentence} {_COMMENT}" if re.search(r"'.*\s#.*'", value) else sentence


def in_own_names(text: str, variable_of: VariableOf) -> str:
    """A text that names variables such as ``DATABASE_URL``, with the prefix of these settings."""
    return re.sub(r"\bDATABASE_(\w+)", lambda match: variable_of(match[1]), text)


def nearest(name: str, known: Iterable[str]) -> str:
    """A question that suggests the most similar known name; empty if none is similar."""
    matches = difflib.get_close_matches(name, list(known), n=1)
    return f" Did you mean {matches[0]}?" if matches else ""


def accepted_values(field: FieldInfo) -> str:
    """What a field accepts, in words: its choices, its range, its length; empty if unrestricted."""
    annotated: Any = Annotated[field.annotation, Field(), *field.metadata]
    try:
        schema = TypeAdapter(annotated).json_schema()
    except PydanticUserError:
        return ""
    kinds = schema.get("anyOf", [schema])
    kind = kinds[0]
    # For some types pydantic writes the limits as they were given.
    low, high = kind.get("minimum", schema.get("ge")), kind.get("maximum", schema.get("le"))
    if kind.get("type") == "boolean":
        text = "true or false"
    elif "enum" in kind:
        text = f"one of {', '.join(map(str, kind['enum']))}"
    elif "maxLength" in kind:
        text = f"text of at most {kind['maxLength']} characters"
    elif low is not None and high is not None:
        # An older pydantic writes 600.0.
        first, last = (str(limit).removesuffix(".0") for limit in (low, high))
        text = f"a number from {first} to {last}"
    else:
        return ""
    return f"{text}, or none" if {"type": "null"} in kinds else text
