"""How the text of a URL is taken apart, and what is refused without showing it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellhead.errors import URLError
from wellhead.url import parse_url
from wellhead.url.split import split

SECRET = "S3cr3tMarker"
PRINTABLE = st.characters(exclude_categories=["Cc", "Cf", "Cs"])


@pytest.mark.parametrize(
    ("scheme", "driver"),
    [
        ("postgres", "asyncpg"),
        ("postgresql", "asyncpg"),
        ("postgresql+asyncpg", "asyncpg"),
        ("postgresql+psycopg", "psycopg"),
        ("PostgreSQL", "asyncpg"),
    ],
)
def test_the_scheme_chooses_the_driver(scheme: str, driver: str) -> None:
    assert split(f"{scheme}://user:word@host/db").driver == driver


def test_user_password_and_database_are_percent_decoded() -> None:
    parts = split("postgresql://us%40er:p%2F%3F%23%40%3A%25w%C3%B6rd@host/d%20b")

    assert (parts.user, parts.password, parts.database) == ("us@er", "p/?#@:%wörd", "d b")


def test_a_colon_in_the_password_needs_no_encoding() -> None:
    parts = split("postgresql://user:a:b:c@host/db")

    assert (parts.user, parts.password) == ("user", "a:b:c")


def test_a_plus_sign_stays_a_plus_sign() -> None:
    parts = split("postgresql://us+er:pa+ss@host/d+b?application_name=a+b")

    assert (parts.user, parts.password, parts.database) == ("us+er", "pa+ss", "d+b")
    assert parts.parameters == (("application_name", "a+b"),)


def test_an_equals_sign_in_a_value_needs_no_encoding() -> None:
    parts = split("postgresql://host/db?options=endpoint=ep-one-two-123")

    assert parts.parameters == (("options", "endpoint=ep-one-two-123"),)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty: write postgresql://user:password@host/database"),
        ("   ", "is empty"),
        ("host/db", "has no scheme"),
        ("user:S3cr3tMarker@host/db", "has no scheme"),
        ("psql 'postgresql://u:S3cr3tMarker@host/db'", "whole psql command"),
        ("DATABASE_URL=postgresql://u:S3cr3tMarker@host/db", "name of a variable"),
        ("export DATABASE_URL='postgresql://u:S3cr3tMarker@host/db'", "name of a variable"),
        (" postgresql://u:S3cr3tMarker@host/db", "white space before or after"),
        ("postgresql://u:S3cr3tMarker@host/db\n", "white space before or after"),
        ('"postgresql://u:S3cr3tMarker@host/db"', "quotes around it"),
        ("'postgresql://u:S3cr3tMarker@host/db'", "quotes around it"),
        ("\u201cpostgresql://u:S3cr3tMarker@host/db\u201d", "quotes around it"),
        ("<postgresql://u:S3cr3tMarker@host/db>", "quotes around it"),
        ("postgresql://u:S3cr3tMarker 2@host/db", "white space in it"),
        ("postgresql://u:S3cr3tMarker@host/db  # Neon", "a comment after it"),
        ("postgresql://u:S3cr3tMarker@ho\u200bst/db", "invisible character"),
        ("\ufeffpostgresql://u:S3cr3tMarker@host/db", "invisible character"),
        ("postgresql://u:S3cr3tMarker@ho\x00st/db", "invisible character"),
        ("postgresql://u:S3cr3tMarker\ud800@host/db", "invisible character"),
        ("mysql://u:S3cr3tMarker@host/db", "has the scheme mysql://"),
        ("jdbc:postgresql://host/db?password=S3cr3tMarker", "has the scheme jdbc:postgresql://"),
        ("postgresql+psycopg2://u:S3cr3tMarker@host/db", r"write postgresql\+psycopg://"),
        ("postgressql://u:S3cr3tMarker@host/db", "unknown scheme.*write postgresql://"),
        ("S3cr3tMarker://u@host/db", "unknown scheme"),
        ("postgresql://u:S3cr3tMarker/x@host/db", "%2F"),
        ("postgresql://u:S3cr3tMarker@x@host/db", "%40"),
        ("postgresql://u:x@S3cr3tMarker@host/db", "%40"),
        ("postgresql://u:x@S3cr3tMarker/y@host/db", "%40"),
        ("postgresql://u:S3cr3tMarker?x@host/db", "%3F"),
        ("postgresql://u:S3cr3tMarker?x=y@host/db", "%3F"),
        ("postgresql://u:S3cr3tMarker#x@host/db", "%23"),
        ("postgresql://u:S3cr3tMarker@host/db#here", "unescaped '#'"),
        ("postgresql://u:S3cr3tMarker%@host/db", "'%' without two .* password: write it as %25"),
        ("postgresql://u:S3cr3tMarker%zz@host/db", "'%' without two"),
        ("postgresql://u:S3cr3tMarker%ff@host/db", "not UTF-8"),
        ("postgresql://u:S3cr3tMarker%00@host/db", "control character in its password"),
        ("postgresql://u:S3cr3tMarker@host/db%0A", "control character in its database name"),
        ("postgresql://u:S3cr3tMarker@host/db/more", "second '/'"),
        ("postgresql://u:S3cr3tMarker@host/db/", "second '/'"),
        ("postgresql://u:S3cr3tMarker@host/db?sslmode", "not name=value"),
        ("postgresql://u:S3cr3tMarker@host/db?&sslmode=require", "not name=value"),
        ("postgresql://u:****************@host/db", "placeholder or a mask"),
        ("postgresql://u:[YOUR-PASSWORD]@host/db", "placeholder or a mask"),
        ("postgresql://u:<password>@host/db", "placeholder or a mask"),
    ],
)
def test_what_is_not_one_clear_url_is_refused_without_showing_it(text: str, words: str) -> None:
    with pytest.raises(URLError, match=words) as refused:
        parse_url(text)

    message = str(refused.value)
    assert SECRET not in message
    assert message.endswith(".")
    assert "\n" not in message
    assert refused.value.__cause__ is None
    assert refused.value.__context__ is None


@settings(deadline=None)
@given(before=st.text(PRINTABLE, max_size=8), after=st.text(PRINTABLE, max_size=8))
def test_a_password_pasted_without_encoding_never_shows(before: str, after: str) -> None:
    try:
        url = parse_url(f"postgresql://user:{before}{SECRET}{after}@host/db")
    except URLError as refused:
        shown = f"{refused} {refused!r} {refused.__context__!r}"
    else:
        shown = f"{url} {url!r} {url.notes}"

    assert SECRET not in shown


@settings(deadline=None)
@given(
    text=st.text(st.characters(), max_size=40)
    | st.text(":/?#[]@!$&'()*+,;=%0aZ-._~ é", max_size=40).map("postgresql://".__add__)
)
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    try:
        shown = str(parse_url(text))
    except URLError as refused:
        shown = str(refused)

    assert shown.startswith(("The database URL ", "postgresql", "sqlite"))
