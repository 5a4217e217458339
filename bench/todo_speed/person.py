"""The user who asks, with an account that the Todo API has made."""

from dataclasses import dataclass, field
from uuid import UUID

import httpx2

_EMAIL, _PASSWORD = "bench@example.com", "correct horse battery staple"


@dataclass(frozen=True, slots=True)
class Person:
    """The user who asks.

    Attributes:
        id: In the paths.
        email: For logins.
        password: For logins.
        token: The access token.
    """

    id: UUID
    email: str
    password: str = field(repr=False)
    token: str = field(repr=False)


async def sign_up(address: str) -> Person:
    """Register a user, and log them in.

    Args:
        address: The origin of the Todo API, such as `http://127.0.0.1:8000`.
    """
    url = f"{address}/api/auth"
    async with httpx2.AsyncClient(trust_env=False, timeout=60.0, verify=False) as client:
        new = {"email": _EMAIL, "password": _PASSWORD}
        registered = (await client.post(f"{url}/register", json=new)).raise_for_status()
        form = {"username": _EMAIL, "password": _PASSWORD}
        tokens = (await client.post(f"{url}/login", data=form)).raise_for_status().json()
    user_id = UUID(registered.json()["id"])
    return Person(user_id, _EMAIL, _PASSWORD, tokens["access_token"])
