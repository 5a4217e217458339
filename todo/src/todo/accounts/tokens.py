"""Access and refresh tokens: signed with HMAC, distinguished by their `typ` header.

An access token identifies the user for a few minutes, and is trusted without a query. A refresh
token lives for days, is used once and is exchanged for the next pair; the database knows which one
is valid (see `todo.accounts.models.Login`).

The next refresh token is derived from the one before it and the secret, so that every process can
write it again from the hash that is stored of it.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable, Sequence
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
    identifier: str = field(repr=False)
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
        previous_keys: Secrets that were used before, or will be next: tokens signed with them are
            accepted, and none is signed with them.
        algorithm: `HS256`, `HS384` or `HS512`; a token with any other is refused.
        issuer: The `iss` of every token.
        audience: The `aud` of every token.
        access_lifetime: How long an access token is valid.
        refresh_lifetime: How long a refresh token can be used.
        refresh_grace: How long an exchanged refresh token still gives the current one.
        now: The clock.
    """

    def __init__(
        self,
        *,
        key: str,
        previous_keys: Sequence[str] = (),
        algorithm: str,
        issuer: str,
        audience: str,
        access_lifetime: timedelta,
        refresh_lifetime: timedelta,
        refresh_grace: timedelta = timedelta(),
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._keys = (key, *previous_keys)
        self._algorithm = algorithm
        self._issuer = issuer
        self._audience = audience
        self.now = now
        self.access_lifetime = access_lifetime
        self.refresh_lifetime = refresh_lifetime
        self.refresh_grace = refresh_grace
        # A signature stays valid; refused tokens are not cached.
        self._verified_access = lru_cache(maxsize=REMEMBERED)(self._verify_access)

    def issue_access(self, *, user_id: UUID, login_id: UUID) -> str:
        """A new access token for one user on one login."""
        return self._encode(
            self._keys[0],
            ACCESS,
            user_id,
            login_id,
            secrets.token_urlsafe(16),
            self.now(),
            self.access_lifetime,
        )

    def issue_refresh(self, *, user_id: UUID, login_id: UUID) -> IssuedRefreshToken:
        """The first refresh token of a login; it works once its hash is stored."""
        return self._refresh(
            self._keys[0], user_id, login_id, secrets.token_urlsafe(32), self.now()
        )

    def next_hash(self, token: RefreshToken) -> bytes:
        """The hash of the refresh token for which this one is exchanged."""
        return _hash(_next(self._keys[0], token.identifier))

    def follow(
        self, token: RefreshToken, hashes: Sequence[bytes], *, issued_at: datetime
    ) -> IssuedRefreshToken:
        """Write the refresh token again that came out of this one by one exchange or several.

        It is the same for everyone who asks, byte by byte.

        Args:
            token: The one that was exchanged.
            hashes: The hash of each that followed it, in order; the last is the one to write.
            issued_at: When that one was first written.

        Raises:
            NotAuthenticatedError: One of them was made with a secret that this process has not.
        """
        key, identifier = self._keys[0], token.identifier
        for wanted in hashes:
            # In the midst of a change of the secret, each may be made with another one.
            for key in self._keys:
                following = _next(key, identifier)
                if _hash(following) == wanted:
                    break
            else:
                raise _invalid()
            identifier = following
        return self._refresh(key, token.user_id, token.login_id, identifier, issued_at)

    def read_access(self, text: str) -> AccessToken:
        """Verify an access token.

        Raises:
            NotAuthenticatedError: Forged, expired, for another audience, or not an access token.
        """
        token, expires_at = self._verified_access(text)
        if expires_at <= self.now().timestamp():
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
            identifier=claims["jti"],
            hash=_hash(claims["jti"]),
            expires_at=datetime.fromtimestamp(int(claims["exp"]), tz=self.now().tzinfo),
        )

    def _verify_access(self, text: str) -> tuple[AccessToken, int]:
        claims = self._decode(text, ACCESS)
        token = AccessToken(user_id=UUID(claims["sub"]), login_id=UUID(claims["sid"]))
        return token, int(claims["exp"])

    def _refresh(
        self, key: str, user_id: UUID, login_id: UUID, identifier: str, issued_at: datetime
    ) -> IssuedRefreshToken:
        text = self._encode(
            key, REFRESH, user_id, login_id, identifier, issued_at, self.refresh_lifetime
        )
        return IssuedRefreshToken(text, _hash(identifier), issued_at + self.refresh_lifetime)

    def _encode(
        self,
        key: str,
        kind: str,
        user_id: UUID,
        login_id: UUID,
        identifier: str,
        issued_at: datetime,
        lifetime: timedelta,
    ) -> str:
        claims = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": str(user_id),
            "sid": str(login_id),
            "jti": identifier,
            "iat": issued_at,
            "exp": issued_at + lifetime,
        }
        return jwt.encode(claims, key, algorithm=self._algorithm, headers={"typ": kind})

    def _verify(self, text: str) -> dict[str, Any]:
        *others, last = self._keys
        for key in others:
            try:
                return self._verify_with(key, text)
            except jwt.InvalidSignatureError:
                continue
        return self._verify_with(last, text)

    def _verify_with(self, key: str, text: str) -> dict[str, Any]:
        return jwt.decode_complete(
            text,
            key,
            algorithms=[self._algorithm],
            issuer=self._issuer,
            audience=self._audience,
            # Clocks of two hosts may differ by a second: `iat` is not checked.
            options={"require": REQUIRED_CLAIMS, "strict_aud": True, "verify_iat": False},
        )

    def _decode(self, text: str, kind: str) -> dict[str, Any]:
        try:
            token = self._verify(text)
            claims: dict[str, Any] = token["payload"]
            UUID(claims["sub"]), UUID(claims["sid"])
        except jwt.ExpiredSignatureError as error:
            raise _expired() from error
        except (jwt.PyJWTError, ValueError, AttributeError, RecursionError) as error:
            raise _invalid() from error
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


def _invalid() -> NotAuthenticatedError:
    return NotAuthenticatedError("The token is invalid; log in again.", code="token-invalid")


def _next(key: str, identifier: str) -> str:
    digest = hmac.digest(key.encode(), f"refresh\n{identifier}".encode(), "sha256")
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _hash(identifier: str) -> bytes:
    # 256 random bits need no slow hash: they cannot be guessed.
    return hashlib.sha256(identifier.encode()).digest()
