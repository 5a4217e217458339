"""Nothing is destroyed on another machine unless its database is named."""

from ipaddress import ip_address

from wellhead.errors import MigrationError
from wellhead.url import Host, PostgresURL


def refuse_to_destroy(url: PostgresURL, *, named_database: str | None) -> None:
    """Refuse a downgrade, unless the database is on this machine or was named.

    Raises:
        MigrationError: The database is somewhere else, and was not named.
    """
    if is_local(url) or named_database == url.database:
        return
    where = ", ".join(str(host) for host in url.hosts)
    named = f", and {named_database!r} was named" if named_database else ""
    raise MigrationError(
        f"A downgrade destroys data, and the database {url.database!r} on {where} is not on this "
        f"machine{named}.",
        hint="If you mean this database, name it: wellhead migrate down ... "
        f"--database {url.database}, or alembic -x database={url.database} downgrade ...",
    )


def is_local(url: PostgresURL) -> bool:
    """Whether the server is on this machine, as far as the URL tells.

    A tunnel looks local; one that leads to Neon names its endpoint and is known by that.
    """
    return url.endpoint_id is None and all(_is_loopback(host) for host in url.hosts)


def _is_loopback(host: Host) -> bool:
    if host.is_socket or host.name.lower() == "localhost":
        return True
    try:
        return ip_address(host.name).is_loopback
    except ValueError:
        return False
