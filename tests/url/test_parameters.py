"""Parameters: their values, their other forms, and what to write instead."""

from dataclasses import fields
from pathlib import Path

import pytest

from wellhead.errors import URLError
from wellhead.url import Parameters, PostgresURL
from wellhead.url.parameters import IDENTITY

BASE = "postgresql://user:word@host/db?"
ALL = {
    "sslmode": ("verify-full", "verify-full"),
    "sslrootcert": ("/certs/root.crt", "/certs/root.crt"),
    "sslcert": ("/certs/me.crt", "/certs/me.crt"),
    "sslkey": ("/certs/me.key", "/certs/me.key"),
    "sslpassword": ("key-word", "key-word"),
    "sslcrl": ("/certs/root.crl", "/certs/root.crl"),
    "sslnegotiation": ("direct", "direct"),
    "ssl_min_protocol_version": ("TLSv1.2", "TLSv1.2"),
    "ssl_max_protocol_version": ("TLSv1.3", "TLSv1.3"),
    "channel_binding": ("require", "require"),
    "gssencmode": ("disable", "disable"),
    "connect_timeout": ("10", 10.0),
    "command_timeout": ("2.5", 2.5),
    "application_name": ("my%20app", "my app"),
    "options": ("-csearch_path%3Dapp", "-csearch_path=app"),
    "target_session_attrs": ("read-write", "read-write"),
    "load_balance_hosts": ("random", "random"),
    "keepalives": ("1", 1),
    "keepalives_idle": ("30", 30),
    "keepalives_interval": ("10", 10),
    "keepalives_count": ("3", 3),
    "tcp_user_timeout": ("15000", 15000),
    "statement_cache_size": ("200", 200),
    "prepared_statement_cache_size": ("100", 100),
    "pgbouncer": ("false", False),
}


def test_every_parameter_is_read_and_written_again() -> None:
    assert [each.name for each in fields(Parameters)] == list(ALL)
    url = PostgresURL.parse(BASE + "&".join(f"{name}={text}" for name, (text, _) in ALL.items()))

    assert {name: getattr(url.parameters, name) for name in ALL} == {
        name: value for name, (_, value) in ALL.items()
    }
    assert PostgresURL.parse(url.render(hide_password=False)) == url


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("sslmode", ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]),
        (
            "target_session_attrs",
            ["any", "read-write", "read-only", "primary", "standby", "prefer-standby"],
        ),
        ("channel_binding", ["disable", "prefer", "require"]),
        ("gssencmode", ["disable", "prefer", "require"]),
    ],
)
def test_every_value_that_libpq_has_is_taken(name: str, values: list[str]) -> None:
    read = [
        getattr(PostgresURL.parse(f"{BASE}{name}={value}").parameters, name) for value in values
    ]

    assert read == values


@pytest.mark.parametrize(
    ("query", "name", "value"),
    [
        ("ssl=require", "sslmode", "require"),
        ("ssl=verify-full", "sslmode", "verify-full"),
        ("ssl=true", "sslmode", "require"),
        ("timeout=7.5", "connect_timeout", 7.5),
        ("connect_timeout=1", "connect_timeout", 2.0),
        ("connect_timeout=0", "connect_timeout", 0.0),
        ("connect_timeout=-1", "connect_timeout", 0.0),
    ],
)
def test_other_forms_mean_what_they_mean_elsewhere(query: str, name: str, value: object) -> None:
    assert getattr(PostgresURL.parse(BASE + query).parameters, name) == value


def test_identity_may_come_as_parameters() -> None:
    url = PostgresURL.parse("postgresql:///?host=h&port=5433&user=u&password=p%26w&dbname=d")

    assert (url.hosts[0].name, url.hosts[0].port) == ("h", 5433)
    assert (url.user, url.password, url.database) == ("u", "p&w", "d")


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("sslmod=require", "unknown parameter sslmod: perhaps you mean sslmode"),
        ("sslMode=require", "unknown parameter sslMode: perhaps you mean sslmode"),
        ("sslcer=x", "perhaps you mean sslcert"),
        ("application-name=x", "perhaps you mean application_name"),
        ("zzz=x", "unknown parameter zzz: remove it"),
        ("sslmode=required", "value for sslmode.*perhaps you mean require"),
        ("sslmode=verify_full", "perhaps you mean verify-full"),
        ("sslmode=1", "write one of disable, allow, prefer, require, verify-ca, verify-full"),
        ("sslmode=", "sslmode= without a value"),
        ("sslmode=require&sslmode=disable", "parameter sslmode twice"),
        ("ssl=require&sslmode=require", "parameter sslmode twice"),
        ("timeout=3&connect_timeout=3", "parameter connect_timeout twice"),
        ("connect_timeout=soon", "connect_timeout that is not a number of seconds"),
        ("connect_timeout=1e9", "connect_timeout that is not a number of seconds"),
        ("command_timeout=0", "command_timeout=0"),
        ("command_timeout=-1", "command_timeout that is not a number of seconds"),
        ("statement_cache_size=-1", "statement_cache_size that is not a whole number"),
        ("statement_cache_size=\u0661", "statement_cache_size that is not a whole number"),
        ("pgbouncer=yes", "value for pgbouncer.*write one of true, false"),
        ("ssl_min_protocol_version=TLSv1", "value for ssl_min_protocol_version"),
        ("service=x", "has service=.*host, user and database"),
        ("passfile=x", "has passfile=.*put the password in the URL"),
        ("schema=public", "has schema=.*options=-csearch_path"),
        ("search_path=app", "has search_path=.*options=-csearch_path"),
        ("pool_mode=transaction", "has pool_mode=.*DATABASE_POOL_MODE"),
        ("connection_limit=1", "has connection_limit=.*DATABASE_POOL_SIZE"),
        ("sslaccept=strict", "has sslaccept=.*sslmode=verify-full"),
        ("hostaddr=127.0.0.1", "has hostaddr=.*in place of the host"),
        ("user=other", "has its user twice"),
        ("password=other", "has its password twice"),
        ("dbname=other", "has its database twice"),
    ],
)
def test_parameters_that_cannot_be_are_refused_with_what_to_write(query: str, words: str) -> None:
    with pytest.raises(URLError, match=words):
        PostgresURL.parse(BASE + query)


@pytest.mark.parametrize("name", ["password", "sslpassword"])
def test_a_name_that_may_be_a_piece_of_a_password_is_not_shown(name: str) -> None:
    with pytest.raises(URLError, match="a parameter that Wellhead does not know") as refused:
        PostgresURL.parse(f"postgresql://user@host/db?{name}=half&otherhalf=x")

    assert "half" not in str(refused.value)


@pytest.mark.parametrize("name", ["password", "sslpassword"])
def test_a_password_given_as_a_parameter_is_never_shown(name: str) -> None:
    url = PostgresURL.parse(f"postgresql://user@host/db?{name}=S3cr3tMarker")

    assert "S3cr3tMarker" not in f"{url} {url!r} {url.parameters!r} {url.notes}"
    assert "S3cr3tMarker" in url.render(hide_password=False)


def test_every_parameter_stands_in_the_reference() -> None:
    reference = Path(__file__).parents[2] / "docs" / "reference" / "url.md"
    text = reference.read_text(encoding="utf-8")

    names = (*ALL, *IDENTITY, "ssl", "timeout")
    assert [name for name in names if f"`{name}`" not in text and f"{name}=" not in text] == []
