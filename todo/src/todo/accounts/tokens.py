"""Access and refresh tokens: signed with HMAC, distinguished by their `typ` header.

An access token identifies the user for a few minutes, and is trusted without a query. A refresh
token lives for days, is used once and is exchanged for the next pair; the database knows which one
is valid (see `todo.accounts.models.Login`).
"""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

import jwt

from todo.errors import NotAuthenticatedError
from todo.models import utc_now

ACCESS = "at+jwt"
"""The `typ` header of access tokens, as RFC 9068 names it."""

REFRESH = "rt+jwt"
"""The `typ` header of refresh tokens."""

REMEMBERED = 1024
"""How many verified access tokens are cached, most recently used ones: some 800 KB."""

REQUIRED_CLAIMS = ["iss", "aud", "sub", "sid", "jti", "iat", "exp"]


@dataclass(frozen=True, slots=True)
class AccessToken:
    """The content of a verified access token."""

    user_id: UUID
    login_id: UUID


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """The content of a verified refresh token; `hash` is what the database stores of it."""

    user_id: UUID
    login_id: UUID
    hash: bytes = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class IssuedRefreshToken:
    """A new refresh token: the text for the client, the rest for the database."""

    text: str = field(repr=False)
    hash: bytes = field(repr=False)
    expires_at: datetime


class Tokens:
    """Issues and verifies the tokens of one application.

    Args:
        key: The secret; at least as long as the digest of `algorithm`.
        algorithm: `HS256`, `HS384` or `HS512`; a token with any other is refused.
        issuer: The `iss` of every token.
        audience: The `aud` of every token.
        access_lifetime: How long an access token is valid.
        refresh_lifetime: How long a refresh token can be used.
        now: The clock.
    """

    def __init__(
        self,
        *,
        key: str,
        algorithm: str,
        issuer: str,
        audience: str,
        access_lifetime: timedelta,
        refresh_lifetime: timedelta,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._key = key
        self._algorithm = algorithm
        self._issuer = issuer
        self._audience = audience
        self._now = now
        self.access_lifetime = access_lifetime
        self.refresh_lifetime = refresh_lifetime
        # A signature stays valid; refused tokens are not cached.
        self._verified_access = lru_cache(maxsize=REMEMBERED)(self._verify_access)

    def issue_access(self, *, user_id: UUID, login_id: UUID) -> str:
        """A new access token for one user on one login."""
        expires_at = self._now() + self.access_lifetime
        return self._encode(ACCESS, user_id, login_id, secrets.token_urlsafe(16), expires_at)

    def issue_refresh(self, *, user_id: UUID, login_id: UUID) -> IssuedRefreshToken:
        """A new refresh token; the previous one is void once this one's hash is stored."""
        identifier = secrets.token_urlsafe(32)
        expires_at = self._now() + self.refresh_lifetime
        text = self._encode(REFRESH, user_id, login_id, identifier, expires_at)
        return IssuedRefreshToken(text, _hash(identifier), expires_at)

    def read_access(self, text: str) -> AccessToken:
        """Verify an access token.

        Raises:
            NotAuthenticatedError: Forged, expired, for another audience, or not an access token.
        """
        token, expires_at = self._verified_access(text)
        if expires_at <= self._now().timestamp():
            raise _expired()
        return token

    def read_refresh(self, text: str) -> RefreshToken:
        """Verify a refresh token; only the database knows whether it was used before.

        Raises:
            NotAuthenticatedError: Forged, expired, for another audience, or not a refresh token.
        """
        claims = self._decode(text, REFRESH)
        return RefreshToken(
            user_id=UUID(claims["sub"]),
            login_id=UUID(claims["sid"]),
            hash=_hash(claims["jti"]),
            expires_at=datetime.fromtimestamp(int(claims["exp"]), tz=self._now().tzinfo),
        )

    def _verify_access(self, text: str) -> tuple[AccessToken, int]:
        claims = self._decode(text, ACCESS)
        token = AccessToken(user_id=UUID(claims["sub"]), login_id=UUID(claims["sid"]))
        return token, int(claims["exp"])

    def _encode(
        self, kind: str, user_id: UUID, login_id: UUID, identifier: str, expires_at: datetime
    ) -> str:
        claims = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": str(user_id),
            "sid": str(login_id),
            "jti": identifier,
            "iat": self._now(),
            "exp": expires_at,
        }
        return jwt.encode(claims, self._key, algorithm=self._algorithm, headers={"typ": kind})

    def _decode(self, text: str, kind: str) -> dict[str, Any]:
        try:
            token = jwt.decode_complete(
                text,
                self._key,
                algorithms=[self._algorithm],
                issuer=self._issuer,
                audience=self._audience,
                # Clocks of two hosts may differ by a second: `iat` is not checked.
                options={"require": REQUIRED_CLAIMS, "strict_aud": True, "verify_iat": False},
            )
            claims: dict[str, Any] = token["payload"]
            UUID(claims["sub"]), UUID(claims["sid"])
        except jwt.ExpiredSignatureError as error:
            raise _expired() from error
        except (jwt.PyJWTError, ValueError, AttributeError, RecursionError) as error:
            raise NotAuthenticatedError(
                "The token is invalid; log in again.", code="token-invalid"
            ) from error
        if token["header"].get("typ") != kind:
            raise NotAuthenticatedError(
                "This token is for another purpose; send the "
                f"{'access' if kind == ACCESS else 'refresh'} token.",
                code="token-invalid",
            )
        return claims


def _expired() -> NotAuthenticatedError:
    return NotAuthenticatedError(
        "The token has expired; refresh it or log in again.", code="token-expired"
    )


def _hash(identifier: str) -> bytes:
    # 256 random bits need no slow hash: they cannot be guessed.
    return hashlib.sha256(identifier.encode()).digest()
