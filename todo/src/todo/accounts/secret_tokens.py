"""Secrets for API tokens, password resets and invites: random texts of which a hash is stored."""

import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Self

RANDOM_BYTES = 32


@dataclass(frozen=True, slots=True)
class SecretToken:
    """A new secret: the text for its owner, the hash for the database."""

    text: str = field(repr=False)
    hash: bytes = field(repr=False)

    @classmethod
    def new(cls, prefix: str) -> Self:
        """A secret of 256 random bits behind a prefix that says what it is for."""
        text = prefix + secrets.token_urlsafe(RANDOM_BYTES)
        return cls(text, hash_of(text))


def hash_of(text: str) -> bytes:
    """What the database stores of a secret: 256 random bits need no slow hash."""
    return hashlib.sha256(text.encode()).digest()
