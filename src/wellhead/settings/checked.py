"""Settings that say in a sentence which variable cannot be used, and what it takes."""

import difflib
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, ClassVar

from pydantic import Field, TypeAdapter, ValidationError
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
from wellhead.settings.secret_files import SecretFiles


class CheckedSettings(BaseSettings):
    """Settings of keyword arguments, the environment and ``.env``, in this order; then frozen.

    An empty variable counts as none.

    Raises:
        SettingsError: An unknown keyword, or values that cannot be used: a line for each, with the
            variable, the value and what it takes.
    """

    secret_fields: ClassVar[tuple[str, ...]] = ()
    """The fields that may also come from a file, which a variable such as `DATABASE_URL_FILE`
    names; no message shows their values."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_file_encoding="utf-8",
        # Compose files write NAME= for what is not set.
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    def __init__(self, **values: Any) -> None:
        fields = type(self).model_fields
        unknown = sorted(set(values) - set(fields))
        if unknown:
            raise SettingsError(
                f"{type(self).__name__} has no field {unknown[0]!r}.{nearest(unknown[0], fields)}"
            )
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise self._refusal(error.errors(include_url=False)) from None
        except UnicodeDecodeError:
            raise SettingsError(
                "The file .env in the working directory is not UTF-8 text; save it as UTF-8."
            ) from None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - pydantic's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let secrets come from files, whose names stand where the secrets would."""
        sources: list[PydanticBaseSettingsSource] = [init_settings]
        for source in (env_settings, dotenv_settings):
            if isinstance(source, EnvSettingsSource):
                cls._look_at(source)
                sources.append(SecretFiles(source, *cls.secret_fields))
            sources.append(source)
        return tuple(sources)

    @classmethod
    def _look_at(cls, source: EnvSettingsSource) -> None:
        """Look at all variables of the environment or of ``.env`` before they are read."""

    @classmethod
    def variable_of(cls, field: str) -> str:
        """The environment's name of a field, such as ``DATABASE_POOL_SIZE``."""
        return f"{cls.model_config.get('env_prefix', '')}{field}".upper()

    @classmethod
    def _refusal(cls, faults: Sequence[ErrorDetails]) -> ConfigurationError:
        return SettingsError("\n".join(map(cls._sentence, faults)))

    @classmethod
    def _sentence(cls, fault: ErrorDetails) -> str:
        own = fault.get("ctx", {}).get("error")
        if not fault["loc"]:
            return str(own or fault["msg"])
        name = str(fault["loc"][0])
        value = "(hidden)" if name in cls.secret_fields else repr(fault["input"])
        takes = accepted_values(cls.model_fields[name])
        why = f"it takes {takes}" if takes else fault["msg"][0].lower() + fault["msg"][1:]
        return f"{cls.variable_of(name)} is {value}; {own or why}."


def nearest(name: str, known: Iterable[str]) -> str:
    """A question after the known name that is nearest to an unknown one; nothing if none is."""
    matches = difflib.get_close_matches(name, list(known), n=1)
    return f" Did you mean {matches[0]}?" if matches else ""


def accepted_values(field: FieldInfo) -> str:
    """What a field accepts, in words: its choices, its range, its length; empty if it has none."""
    annotated: Any = Annotated[field.annotation, Field(), *field.metadata]
    try:
        schema = TypeAdapter(annotated).json_schema()
    except PydanticUserError:
        return ""
    kinds = schema.get("anyOf", [schema])
    kind = kinds[0]
    # Around some types pydantic writes the limits as it was given them.
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
