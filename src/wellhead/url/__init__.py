"""Database URLs: parsed once, checked, and converted for the drivers.

Begin with ``postgres``: :class:`PostgresURL` is a parsed URL. ``split`` takes the text apart, and
``pieces`` handles one that never was a text; ``hosts``, ``parameters`` and ``options`` parse its
parts, ``tls`` settles what is left open about TLS, and ``neon`` interprets host names. ``drivers``
and ``certificates`` make the arguments of asyncpg and psycopg. ``sqlite`` is the other kind of URL,
for tests.
"""

from sqlalchemy import URL

from wellhead.url.hosts import Host
from wellhead.url.parameters import Parameters, SSLMode
from wellhead.url.pieces import parts_from, parts_of
from wellhead.url.postgres import PostgresURL, Provider
from wellhead.url.split import Driver, scheme_of
from wellhead.url.sqlite import SQLiteURL

__all__ = [
    "Driver",
    "Host",
    "Parameters",
    "PostgresURL",
    "Provider",
    "SQLiteURL",
    "SSLMode",
    "parse_url",
    "parts_from",
]


def parse_url(given: str | URL) -> PostgresURL | SQLiteURL:
    """Parse a database URL of either kind, given as text or as SQLAlchemy's URL.

    Raises:
        URLError: One sentence that names the problem and the fix, and never the password.
    """
    if isinstance(given, URL):
        if given.get_backend_name() != "sqlite":
            return PostgresURL.of_parts(parts_of(given))
        given = given.render_as_string(hide_password=False)
    if scheme_of(given) == "sqlite+aiosqlite":
        return SQLiteURL.parse(given)
    return PostgresURL.parse(given)
