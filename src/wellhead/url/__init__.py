"""Database URLs: read once, checked, and turned into what the drivers understand.

Begin with ``postgres``: :class:`PostgresURL` is a URL that was understood. ``split`` takes the text
apart, ``hosts``, ``parameters`` and ``options`` read its pieces, ``tls`` settles what is left open
about TLS, and ``neon`` knows what host names say. ``drivers`` and ``certificates`` make the
arguments of asyncpg and psycopg. ``sqlite`` is the other kind of URL, for tests.
"""

from wellhead.url.hosts import Host
from wellhead.url.parameters import Parameters, SSLMode
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
]


def parse_url(text: str) -> PostgresURL | SQLiteURL:
    """Read a database URL of either kind.

    Raises:
        URLError: One sentence that names the fault and the fix, and never the password.
    """
    if scheme_of(text) == "sqlite+aiosqlite":
        return SQLiteURL.parse(text)
    return PostgresURL.parse(text)
