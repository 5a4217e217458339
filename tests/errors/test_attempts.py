"""What drivers write about attempts to connect, taken apart."""

import os
from errno import ECONNREFUSED, ENETUNREACH

import asyncpg
import psycopg

from wellhead.errors.attempts import Attempt, attempts_in

REFUSED, NO_ROUTE = os.strerror(ECONNREFUSED), os.strerror(ENETUNREACH)

SEVERAL = f"""connection failed: connection to server at "10.0.0.2", port 5432 failed: {REFUSED}
\tIs the server running on that host and accepting TCP/IP connections?
Multiple connection attempts failed. All failures were:
- host: 'db.example', port: '5432', hostaddr: '2001:db8::1': connection failed: connection to \
server at "db.example" (2001:db8::1), port 5432 failed: {NO_ROUTE}
\tIs the server running on that host and accepting TCP/IP connections?
- host: 'db.example', port: '5432', hostaddr: '10.0.0.1': connection timeout expired
- host: 'db.example', port: None, hostaddr: '10.0.0.2': connection failed: connection to \
server at "10.0.0.2", port 5432 failed: {REFUSED}"""


def test_psycopg_tells_every_address_that_it_tried() -> None:
    assert attempts_in(psycopg.OperationalError(SEVERAL)) == [
        Attempt(NO_ROUTE, by_network=True),
        Attempt("connection timeout expired"),
        Attempt(REFUSED, by_network=True),
    ]


def test_libpq_tells_both_tries_with_and_without_tls() -> None:
    where = 'connection to server at "db.example" (10.0.0.1), port 5432 failed: '
    text = f"connection failed: {where}FATAL:  28000: no entry, SSL encryption\n{where}FATAL:  none"

    assert attempts_in(psycopg.OperationalError(text)) == [
        Attempt("no entry, SSL encryption", "28000", by_server=True),
        Attempt("none", by_server=True),
    ]


def test_libpq_tells_of_sockets() -> None:
    where = 'connection to server on socket "/run/.s.PGSQL.5432" failed: '

    assert attempts_in(psycopg.OperationalError(f"connection failed: {where}{REFUSED}")) == [
        Attempt(REFUSED, by_network=True)
    ]


def test_asyncio_tells_every_address_in_one_error() -> None:
    text = f"Multiple exceptions: [Errno {ENETUNREACH}] x, [Errno {ECONNREFUSED}] Connect call"

    assert attempts_in(OSError(text)) == [
        Attempt(NO_ROUTE, by_network=True),
        Attempt(REFUSED, by_network=True),
    ]


def test_asyncpg_tells_what_one_server_said() -> None:
    said = asyncpg.PostgresError.new({"C": "28P01", "M": "no\nand more"})

    assert attempts_in(said) == [Attempt("no", "28P01", by_server=True)]


def test_only_the_operating_system_knows_of_routes() -> None:
    assert Attempt(f"could not create socket: {NO_ROUTE}", by_network=True).lacks_route
    assert not Attempt(NO_ROUTE, "XX000", by_server=True).lacks_route
    assert not Attempt(REFUSED, by_network=True).lacks_route
