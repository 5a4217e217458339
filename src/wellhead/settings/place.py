"""Where the database is: its URL, or the parts of one."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    Field,
    PlainSerializer,
    PlainValidator,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from sqlalchemy import URL

from wellhead.errors import ConfigurationError, URLError
from wellhead.settings import one_place
from wellhead.settings.checked import CheckedSettings, Contradiction, VariableOf, in_own_names
from wellhead.settings.unknown import warn_of_unknown
from wellhead.url import Driver, PostgresURL, SQLiteURL, parse_url


def _parse_url(value: object) -> PostgresURL | SQLiteURL:
    if isinstance(value, PostgresURL | SQLiteURL):
        return value
    if not isinstance(value, str | URL):
        raise URLError("The database URL must be a str or a sqlalchemy.URL.")
    return parse_url(value)


DatabaseURL = Annotated[
    PostgresURL | SQLiteURL,
    PlainValidator(_parse_url),
    # Without it, a dump of the settings would serialise the URL's fields, password included.
    PlainSerializer(str, return_type=str),
]
Part = Annotated[str | None, NoDecode, Field(min_length=1)]
_NOT_GIVEN: Any = None


class PlaceSettings(CheckedSettings):
    """Which database is meant, given in code or else by the environment."""

    secret_fields: ClassVar[tuple[str, ...]] = ("url", "url_direct", "user", "password")

    model_config = SettingsConfigDict(arbitrary_types_allowed=True)

    host: Part = None
    """The server's host, in place of ``url``, for platforms that provide the parts separately: a
    host name, an address, a socket directory, or several separated by commas."""

    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    """The server's port; none for 5432."""

    user: Part = None
    """The role that connects; none for the operating system's user."""

    password: Annotated[SecretStr | None, NoDecode] = None
    """Its password, as it is: not percent-encoded."""

    name: Part = None
    """The database's name."""

    driver: Driver | None = None
    """The driver; none for asyncpg."""

    parameters: Part = None
    """Further URL parameters, as after the ``?``, such as ``sslmode=verify-full``."""

    # NoDecode: parsed as JSON, a URL would lose quotes that were pasted with it.
    url_direct: Annotated[DatabaseURL | None, NoDecode] = None
    """The same database past its pooler, for migrations; for Neon it is derived from ``url``."""

    url: Annotated[DatabaseURL, NoDecode] = _NOT_GIVEN
    """The database URL as the provider prints it, or SQLAlchemy's ``URL``; built from ``host``,
    ``name`` and the other parts if these are given instead."""

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except one_place.NotGivenError:
            if values.keys().isdisjoint(one_place.PLACE):
                raise
            raise URLError(
                "The database is given in code, and its URL is None.",
                hint="The environment does not complete what is given in code.",
            ) from None

    @classmethod
    def is_given(cls, *, env_prefix: str | None = None) -> bool:
        """Whether the environment or ``.env`` names a database, even an unusable one."""
        try:
            cls(env_prefix=env_prefix)
        except one_place.NotGivenError:
            return False
        except ConfigurationError:
            return True
        return True

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Leave out the environment if the database is given in code."""
        in_code = init_settings()
        if one_place.defaults_of(cls) or not in_code.keys().isdisjoint(one_place.PLACE):
            return (init_settings,)
        warn_of_unknown(cls, in_code, env_settings, dotenv_settings)
        return super().settings_customise_sources(
            settings_cls, init_settings, env_settings, dotenv_settings, file_secret_settings
        )

    @classmethod
    def _variables(cls, source: PydanticBaseSettingsSource) -> PydanticBaseSettingsSource:
        assert isinstance(source, EnvSettingsSource)  # noqa: S101 - pydantic's own are
        return one_place.OnePlace(source, *cls.secret_fields)

    @classmethod
    def _refusal(
        cls, faults: Sequence[ErrorDetails], variable_of: VariableOf
    ) -> ConfigurationError:
        for fault in faults:
            own = fault.get("ctx", {}).get("error")
            if isinstance(own, one_place.NotGivenError):
                return one_place.NotGivenError(
                    f"{variable_of('url')} is not set.",
                    hint="Set it to what your provider prints, such as "
                    "postgresql://user:password@host/database",
                )
            if isinstance(own, URLError):
                text = in_own_names(own.args[0], variable_of)
                return URLError(f"{variable_of(str(fault['loc'][0]))}: {text}")
        return super()._refusal(faults, variable_of)

    @field_validator("url", mode="before")
    @classmethod
    def _of_parts(cls, given: object, info: ValidationInfo) -> object:
        url = one_place.url_of_parts(info.data)
        if url is None and given is None:
            if info.data.get("url_direct") is not None:
                raise Contradiction("{url_direct} is set, but {url} is not: set both.")
            raise one_place.NotGivenError("no database")
        if url is not None and given is not None and _parse_url(given) != url:
            raise one_place.both(info.data)
        return given if url is None else url

    @model_validator(mode="after")
    def _mean_one_database(self) -> Self:
        if self.url_direct is not None:
            one_place.refuse_another_database(self.url, self.url_direct)
        return self

    def direct_url(self) -> PostgresURL | SQLiteURL:
        """The URL for migrations and session locks: ``url_direct``, else the twin of ``url``.

        Raises:
            URLError: ``url`` leads to a pooler whose direct address cannot be derived.
        """
        if self.url_direct is not None:
            return self.url_direct
        if isinstance(self.url, SQLiteURL):
            return self.url
        try:
            return self.url.direct()
        except URLError as error:
            raise URLError(in_own_names(error.args[0], self.variable_of)) from None

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy with some fields changed, checked like new settings.

        If ``url`` or parts of it change, the copy keeps no old ``url_direct``, which would lead to
        the old database.

        Raises:
            SettingsError: A value that cannot be used.
            URLError: A URL that cannot be used.
        """
        del deep
        changes = dict(update or {})
        dropped = one_place.replaced_by(changes, self.model_fields_set)
        kept = {name: getattr(self, name) for name in self.model_fields_set if name not in dropped}
        return type(self)(env_prefix=self._env_prefix, **{**kept, **changes})
