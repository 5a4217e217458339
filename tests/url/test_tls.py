"""The TLS policy: what is settled, raised and refused."""

import pytest

from wellhead.errors import URLError
from wellhead.url import PostgresURL

PLAIN = "postgresql://user:word@db.example.com/app"
NEON = "postgresql://user:word@ep-a-b-1.us-east-2.aws.neon.tech/app"


def test_a_missing_sslmode_is_libpqs_default() -> None:
    url = PostgresURL.parse(PLAIN)

    assert (url.sslmode, url.notes) == ("prefer", ())


@pytest.mark.parametrize("sslmode", [None, "allow", "prefer", "require", "verify-ca"])
def test_neon_hosts_are_raised_to_full_verification(sslmode: str | None) -> None:
    url = PostgresURL.parse(NEON if sslmode is None else f"{NEON}?sslmode={sslmode}")
    before = "The missing sslmode" if sslmode is None else f"sslmode={sslmode}"

    assert (url.sslmode, url.parameters.sslrootcert) == ("verify-full", "system")
    (note,) = url.notes
    assert note.startswith(f"{before} is raised to verify-full with the system's roots")


def test_full_verification_of_a_neon_host_uses_the_systems_roots() -> None:
    url = PostgresURL.parse(f"{NEON}?sslmode=verify-full")

    assert url.parameters.sslrootcert == "system"
    assert url.notes == ("sslmode=verify-full uses the system's roots: the host is Neon's.",)


@pytest.mark.parametrize("sslmode", [None, "allow", "prefer", "require"])
def test_a_root_certificate_of_ones_own_stays_on_a_neon_host(sslmode: str | None) -> None:
    mode = "" if sslmode is None else f"&sslmode={sslmode}"
    url = PostgresURL.parse(f"{NEON}?sslrootcert=/certs/isrg.pem{mode}")

    assert (url.sslmode, url.parameters.sslrootcert) == ("verify-full", "/certs/isrg.pem")
    assert "raised to verify-full" in url.notes[0]


@pytest.mark.parametrize(
    "query",
    [
        "sslmode=verify-full&sslrootcert=system",
        "sslmode=verify-full&sslrootcert=/certs/isrg.pem",
        "sslmode=verify-ca&sslrootcert=/certs/isrg.pem",
    ],
)
def test_what_verifies_already_stays_on_a_neon_host(query: str) -> None:
    url = PostgresURL.parse(f"{NEON}?{query}")

    assert (url.render().partition("?")[2], url.notes) == (query, ())


def test_one_neon_host_among_several_is_enough_to_raise() -> None:
    url = PostgresURL.parse("postgresql://u:p@tunnel,ep-a-b-1.us-east-2.aws.neon.tech/app")

    assert url.sslmode == "verify-full"


def test_the_systems_roots_imply_full_verification() -> None:
    url = PostgresURL.parse(f"{PLAIN}?sslrootcert=system")

    assert url.sslmode == "verify-full"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"{NEON}?sslmode=disable", "sslmode=disable for a Neon host: write sslmode=verify-full"),
        (f"{PLAIN}?sslrootcert=system&sslmode=require", "system with sslmode=require"),
        (f"{PLAIN}?sslrootcert=system&sslmode=verify-ca", "system with sslmode=verify-ca"),
        (f"{PLAIN}?sslnegotiation=direct", "direct with sslmode=prefer"),
        (f"{PLAIN}?sslnegotiation=direct&sslmode=allow", "direct with sslmode=allow"),
        (f"{PLAIN}?sslnegotiation=direct&sslmode=disable", "direct with sslmode=disable"),
        (f"{PLAIN}?sslkey=/certs/me.key&sslmode=require", "sslkey without sslcert"),
        (f"{PLAIN}?sslcert=/certs/me.crt", "sslcert with sslmode=prefer.*require or stronger"),
        (
            f"{PLAIN}?ssl_min_protocol_version=TLSv1.3&ssl_max_protocol_version=TLSv1.2",
            "above ssl_max_protocol_version",
        ),
    ],
)
def test_what_the_server_or_libpq_would_refuse_is_refused(text: str, words: str) -> None:
    with pytest.raises(URLError, match=words):
        PostgresURL.parse(text)


def test_psycopg_may_offer_a_certificate_whenever_tls_comes_about() -> None:
    url = PostgresURL.parse(
        "postgresql+psycopg://u:p@host/db?sslcert=/certs/me.crt&sslkey=/certs/me.key"
    )

    assert (url.sslmode, url.notes) == ("prefer", ())


def test_a_root_certificate_that_verifies_nothing_is_said() -> None:
    url = PostgresURL.parse(f"{PLAIN}?sslrootcert=/certs/root.crt")

    (note,) = url.notes
    assert note.startswith("sslrootcert has no effect with sslmode=prefer")


def test_tls_has_no_effect_on_a_socket_and_says_so() -> None:
    url = PostgresURL.parse("postgresql:///db?host=/run/postgresql&sslmode=verify-full")

    assert url.notes == ("sslmode=verify-full has no effect on a Unix socket.",)
    assert url.connect_args()["ssl"] is False
