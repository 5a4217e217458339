"""A role whose password is replaced, and the function that tells the one in force."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from tests.staging.passwords import verifier


class RotatingRole:
    """A role that may log in, with the password that was set last.

    Args:
        admin: A connection with permission to change roles.
        name: The role's.

    Attributes:
        password: The one in force.
        asked: How often `token` was called.
    """

    def __init__(self, admin: "asyncpg.Connection[asyncpg.Record]", name: str) -> None:
        self._admin = admin
        self._name = name
        self.password = ""
        self.asked = 0
        self._number = 0

    async def rotate(self) -> None:
        """Replace the password; the one before is refused from now on."""
        self._number += 1
        password = f"token-{self._number}"
        await self._admin.execute(f"ALTER ROLE {self._name} PASSWORD '{verifier(password)}'")
        self.password = password

    async def rotate_every(self, seconds: float) -> None:
        """Replace it again and again, until cancelled."""
        while True:
            await asyncio.sleep(seconds)
            await self.rotate()

    async def token(self) -> str:
        """The password in force."""
        self.asked += 1
        return self.password

    def url(self, url: str, password: str | None = None) -> str:
        """The same database for this role, with a password or without one."""
        parts = urlsplit(url)
        user = self._name if password is None else f"{self._name}:{password}"
        place = f"{user}@{parts.hostname}:{parts.port}"
        return urlunsplit(parts._replace(netloc=place))


@asynccontextmanager
async def rotating_role(url: str) -> AsyncIterator[RotatingRole]:
    """A role on the server of this URL, which is gone after the block."""
    name = f"rotating_{urlsplit(url).path[1:]}"
    admin = await asyncpg.connect(url)
    try:
        await admin.execute(f"CREATE ROLE {name} LOGIN")
        role = RotatingRole(admin, name)
        await role.rotate()
        yield role
    finally:
        await admin.execute(f"DROP OWNED BY {name}")
        await admin.execute(f"DROP ROLE {name}")
        await admin.close()
