"""Where the database's replicas are, how far behind they may be, and how long a reader waits."""

import re
from typing import Annotated, Any, Final, Self

from pydantic import (
    AfterValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    SecretStr,
    model_validator,
)
from pydantic_settings import NoDecode

from wellhead.errors import URLError
from wellhead.settings import one_place
from wellhead.settings.checked import Contradiction
from wellhead.settings.place import PlaceSettings
from wellhead.url import PostgresURL, SQLiteURL, parse_url
from wellhead.url.rest_api import PatroniURL

# A comma also separates the hosts of one URL, so it counts only before the next one begins.
_BETWEEN: Final = re.compile(r"[\s,]+(?=postgres(?:ql)?(?:\+\w+)?://)")

SHORTEST_KEY: Final = 32
"""Characters of the shortest key that is accepted."""

_LEADS_TO_PRIMARY: Final = frozenset({"primary", "read-write"})


def _parse_urls(value: object) -> tuple[PostgresURL, ...] | None:
    if value is None:
        return None
    given = _BETWEEN.split(value.strip(" \t\r\n,")) if isinstance(value, str) else value
    if not isinstance(given, list | tuple) or not given:
        raise URLError("The URLs of replicas must be a str, or a list of them.")
    urls = [each if isinstance(each, PostgresURL) else parse_url(each) for each in given]
    if any(isinstance(each, SQLiteURL) for each in urls):
        raise URLError("A replica must be a PostgreSQL server.")
    return tuple(each for each in urls if isinstance(each, PostgresURL))


def _show_urls(urls: tuple[PostgresURL | PatroniURL, ...] | None) -> list[str] | None:
    return None if urls is None else [str(each) for each in urls]


def _parse_patroni(value: object) -> tuple[PatroniURL, ...] | None:
    if value is None:
        return None
    given = re.split(r"[\s,]+", value.strip(" \t\r\n,")) if isinstance(value, str) else value
    if not isinstance(given, list | tuple) or not given:
        raise URLError("The addresses of Patroni must be a str, or a list of them.")
    return tuple(
        each if isinstance(each, PatroniURL) else PatroniURL.parse(str(each)) for each in given
    )


ReplicaURLs = Annotated[
    tuple[PostgresURL, ...] | None,
    PlainValidator(_parse_urls),
    PlainSerializer(_show_urls),
]
PatroniURLs = Annotated[
    tuple[PatroniURL, ...] | None,
    PlainValidator(_parse_patroni),
    PlainSerializer(_show_urls),
]


def long_enough(key: SecretStr | None) -> SecretStr | None:
    """The key, if it is not too short to be one.

    Raises:
        ValueError: It is.
    """
    if key is not None and len(key.get_secret_value()) < SHORTEST_KEY:
        raise ValueError(f"it must have at least {SHORTEST_KEY} characters")
    return key


class ReplicaSettings(PlaceSettings):
    """The read replicas of the database."""

    secret_fields = (*PlaceSettings.secret_fields, "replica_url", "patroni_url", "replica_key")

    replica_url: Annotated[ReplicaURLs, NoDecode] = None
    """The URLs of the database's read replicas, separated by commas or spaces; each host of a list
    is one. Readers use them, and fall back to ``url``."""

    patroni_url: Annotated[PatroniURLs, NoDecode] = None
    """Addresses of Patroni's REST API, separated by commas or spaces, which say where the read
    replicas are, in place of ``replica_url``. User, password and parameters are those of
    ``url``."""

    replica_max_lag: Annotated[float, Field(ge=0.1, le=3600)] = 10.0
    """Seconds that what a replica shows may be old; a replica further behind gets no reads until it
    has caught up."""

    replica_outage_lag: Annotated[float, Field(ge=0, le=3600)] = 300.0
    """The same while the primary cannot be reached; never less than ``replica_max_lag``."""

    replica_wait: Annotated[float, Field(ge=0, le=10)] = 0.1
    """Seconds that a reader waits for a replica to replay what its client has seen, before it reads
    from the primary."""

    replica_key: Annotated[SecretStr | None, NoDecode, AfterValidator(long_enough)] = None
    """The key that signs what a client has seen, in its cookie and header; at least 32 characters,
    the same in all processes. ``wellhead.fastapi`` requires it if there are replicas."""

    @property
    def longest_replica_lag(self) -> float:
        """Seconds that what a replica shows may be old in any case."""
        return max(self.replica_max_lag, self.replica_outage_lag)

    @property
    def has_replicas(self) -> bool:
        """Whether there are read replicas, or may be."""
        return bool(self.replica_url or self.patroni_url)

    @model_validator(mode="after")
    def _replicas_are_of_this_database(self) -> Self:
        if not self.has_replicas:
            return self
        url: Any = self.url
        if self.replica_url and self.patroni_url:
            raise Contradiction(
                "{replica_url} and {patroni_url} are both set: keep the list, or let Patroni say."
            )
        if not isinstance(url, PostgresURL):
            given = "replica_url" if self.replica_url else "patroni_url"
            raise Contradiction(f"{{{given}}} is set, but {{url}} is not a PostgreSQL server's.")
        for replica in self.replica_url or ():
            _check_replica(replica, url)
        attributes = url.parameters.target_session_attrs
        if len(url.hosts) > 1 and attributes not in _LEADS_TO_PRIMARY:
            raise Contradiction(
                "{url} lists several hosts, and may lead to a standby; with replicas it needs "
                "target_session_attrs=read-write."
            )
        return self


def _check_replica(replica: PostgresURL, url: PostgresURL) -> None:
    one_place.refuse_another_name(url, replica)
    if replica.driver != url.driver:
        raise Contradiction(
            f"{{replica_url}} names the driver {replica.driver}, but {{url}} {url.driver}; all "
            "must have the same."
        )
    if replica.is_pooled:
        raise Contradiction(
            "{replica_url} leads to a transaction pooler, behind which each transaction may "
            "meet another server; what it has replayed can then not be known. Use the "
            "replica's own address."
        )
    if replica.parameters.target_session_attrs in _LEADS_TO_PRIMARY:
        raise Contradiction(
            "{replica_url} asks for the primary, by target_session_attrs="
            f"{replica.parameters.target_session_attrs}; write prefer-standby, or leave it out."
        )
