"""`PostgresURL` as a value: equal, frozen, redacted, written and read again."""

import copy
import pickle
from dataclasses import FrozenInstanceError
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellhead.errors import URLError
from wellhead.url import PostgresURL, parse_url

SECRET = "S3cr3tMarker"
TEXT = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=20)
NEON = (
    "postgresql://alex:AbC123dEf@ep-cool-darkness-a1b2c3d4-pooler.us-east-2.aws.neon.tech/dbname"
    "?sslmode=require&channel_binding=require"
)


def _write(user: str, password: str, database: str, name: str, *, host: str = "host") -> str:
    user, password, database, name = (
        quote(text, safe="") for text in (user, password, database, name)
    )
    return f"postgresql://{user}:{password}@{host}/{database}?application_name={name}"


def test_neons_own_form_is_taken_unchanged() -> None:
    url = parse_url(NEON)

    assert isinstance(url, PostgresURL)
    assert (url.user, url.password, url.database) == ("alex", "AbC123dEf", "dbname")
    assert (url.driver, url.provider, url.is_pooled) == ("asyncpg", "neon", True)
    assert url.sslmode == "verify-full"
    assert len(url.notes) == 2


@pytest.mark.parametrize(
    "text",
    [
        "postgres://user:word@ec2-1-2-3-4.compute-1.amazonaws.com:5432/d1abc",
        "postgresql://doadmin:word@db-do-user-1-0.b.db.ondigitalocean.com:25060/db?sslmode=require",
        "postgres://avnadmin:word@pg-1.aivencloud.com:20455/defaultdb?sslmode=require",
        "postgresql://postgres.ref:word@aws-0-eu-west-1.pooler.supabase.com:6543/postgres",
        "postgresql://postgres:word@db.ref.supabase.co:5432/postgres",
        "postgres://me%40server:word@server.postgres.database.azure.com/db?sslmode=require",
        "postgres://neon:npg@localhost:5432/neondb?sslmode=require",
    ],
)
def test_what_providers_print_is_taken_unchanged(text: str) -> None:
    url = PostgresURL.parse(text)

    assert PostgresURL.parse(url.render(hide_password=False)) == url


def test_a_missing_database_is_refused() -> None:
    for text in ("postgresql://u:p@host", "postgresql://u:p@host/", "postgresql://u:p@host?ssl=x"):
        with pytest.raises(URLError, match="has no database name"):
            PostgresURL.parse(text)


def test_the_sqlalchemy_url_names_user_first_host_and_database() -> None:
    url = PostgresURL.parse("postgres://us%40er:pa%2Fss@[::1]:5433,b/d%20b?sslmode=disable")
    made = url.sqlalchemy_url()

    assert (made.drivername, made.username, made.password) == (
        "postgresql+asyncpg",
        "us@er",
        "pa/ss",
    )
    assert (made.host, made.port, made.database, made.query) == ("::1", 5433, "d b", {})


def test_the_sqlalchemy_url_of_a_socket_has_no_host() -> None:
    made = PostgresURL.parse("postgresql+psycopg:///db?host=/run/postgresql").sqlalchemy_url()

    assert (made.drivername, made.host, made.port) == ("postgresql+psycopg", None, None)


def test_urls_that_mean_the_same_are_equal_and_frozen() -> None:
    url = PostgresURL.parse("postgres://u:p@host:5432/db?sslmode=prefer")

    assert url == PostgresURL.parse("postgresql+asyncpg://u:p@host/db")
    assert hash(url) == hash(PostgresURL.parse("postgresql://u:p@host/db"))
    assert url != PostgresURL.parse("postgresql://u:other@host/db")
    with pytest.raises(FrozenInstanceError):
        url.database = "other"  # type: ignore[misc]  # the point of the test


def test_it_survives_copying_and_pickling() -> None:
    url = PostgresURL.parse(NEON)

    assert copy.deepcopy(url) == pickle.loads(pickle.dumps(url)) == url  # noqa: S301 - our own
    assert pickle.loads(pickle.dumps(url)).notes == url.notes  # noqa: S301 - our own


def test_the_redacted_text_shows_all_but_the_password() -> None:
    url = PostgresURL.parse("postgres://user:word@host:5433/db?application_name=todo")

    assert str(url) == "postgresql://user:***@host:5433/db?sslmode=prefer&application_name=todo"
    assert repr(url) == f"PostgresURL('{url}')"
    assert url.render(hide_password=False).startswith("postgresql://user:word@host")


def test_the_redacted_text_is_refused_as_a_url() -> None:
    with pytest.raises(URLError, match="mask instead of a password"):
        PostgresURL.parse(str(PostgresURL.parse(NEON)))


@settings(deadline=None)
@given(user=TEXT, password=TEXT, database=TEXT, name=TEXT)
def test_any_text_survives_being_written_and_read(
    user: str, password: str, database: str, name: str
) -> None:
    url = PostgresURL.parse(_write(user, password, database, name))

    assert (url.user, url.password, url.database) == (user, password, database)
    assert url.parameters.application_name == name
    assert PostgresURL.parse(url.render(hide_password=False)) == url
    made = url.sqlalchemy_url()
    assert (made.username, made.password, made.database) == (user, password, database)


@settings(deadline=None)
@given(before=TEXT, after=TEXT)
def test_the_password_never_shows(before: str, after: str) -> None:
    password = f"{before}{SECRET}{after}"
    url = PostgresURL.parse(_write("user", password, "db", "app") + f"&sslpassword={SECRET}")
    twin = PostgresURL.parse(
        _write("user", password, "db", "app", host="ep-a-b-1-pooler.us-east-2.aws.neon.tech")
    )

    for each in (url, twin, twin.direct()):
        assert SECRET not in f"{each} {each!r} {each.notes} {each.parameters!r}"
        assert SECRET not in str(each.sqlalchemy_url())
