"""URLs that never were one text: nothing in them is encoded, and nothing is taken for encoded."""

import pytest
from sqlalchemy import URL

from wellhead import PostgresURL, URLError, parse_url
from wellhead.url import SQLiteURL, parts_from


@pytest.mark.parametrize("password", ["%41", "a+b", "a b", "p@/:?#&=", "\u200bß", "''"])
def test_a_password_in_pieces_stays_as_it_is(password: str) -> None:
    by_url = parse_url(URL.create("postgresql", "app", password, "db.example", database="shop"))
    by_parts = PostgresURL.of_parts(
        parts_from(host="db.example", name="shop", user="app", password=password)
    )

    assert isinstance(by_url, PostgresURL)
    assert by_url == by_parts == PostgresURL.parse(by_url.render(hide_password=False))
    assert by_url.password == password


@pytest.mark.parametrize("character", ["\n", "\0", "\x7f", "\ud800"])
def test_what_no_driver_can_send_is_refused_without_being_shown(character: str) -> None:
    with pytest.raises(URLError, match="control character in its password") as caught:
        parts_from(host="db.example", name="shop", password=f"sw0rdfish{character}")

    assert "sw0rdfish" not in str(caught.value)


def test_every_driver_of_sqlalchemy_is_known_or_refused() -> None:
    assert isinstance(parse_url(URL.create("sqlite+aiosqlite")), SQLiteURL)
    with pytest.raises(URLError, match=r"postgresql\+psycopg2://, which Wellhead does not support"):
        parse_url(URL.create("postgresql+psycopg2", host="db.example", database="shop"))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"host": "a", "query": {"host": "b"}}, "has its host twice"),
        ({"host": "a", "query": {"sslmode": ("require", "prefer")}}, "sslmode twice"),
        ({"host": None}, "has no host"),
        ({"host": "a", "database": None}, "has no database name"),
    ],
)
def test_a_url_of_sqlalchemy_that_is_not_one_place_is_refused(
    given: dict[str, object], said: str
) -> None:
    pieces: dict[str, object] = {"database": "shop", **given}

    with pytest.raises(URLError, match=said):
        parse_url(URL.create("postgresql", **pieces))  # type: ignore[arg-type]
