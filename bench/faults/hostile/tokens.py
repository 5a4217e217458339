"""Tokens in a user's name that must not be accepted."""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

_OTHER_KEY = "another-key-of-the-same-length-as-the-one-that-is-used-and-as-random-0123456789"


def forged(genuine: str, *, key: str, other: str) -> Iterator[tuple[str, str]]:
    """Forgeries, each with its name.

    Args:
        genuine: A token of the one who is to be deceived, still valid.
        key: The key that it was signed with. Only what has expired, or says something else than it
            must, is signed with it.
        other: A genuine token of another user.
    """
    header, payload, signature = genuine.split(".")
    claims = jwt.decode(genuine, options={"verify_signature": False})
    typ = jwt.get_unverified_header(genuine)["typ"]

    def signed(secret: Any = key, *, algorithm: str = "HS256", **changed: Any) -> str:
        whole = {name: value for name, value in (claims | changed).items() if value is not None}
        return jwt.encode(whole, secret, algorithm=algorithm, headers={"typ": typ})

    for name in ("none", "None", "NONE", "nOnE", "", "HS384", "RS256", "ES256", "PS512", "b64"):
        changed = _part({"alg": name, "typ": typ})
        yield f"alg {name!r}, no signature", f"{changed}.{payload}."
        yield f"alg {name!r}, the signature left", f"{changed}.{payload}.{signature}"
    yield "no alg", f"{_part({'typ': typ})}.{payload}.{signature}"
    yield (
        "alg none, the key in the header",
        (f"{_part({'alg': 'none', 'typ': typ, 'jwk': {'kty': 'oct', 'k': ''}})}.{payload}."),
    )
    yield (
        "a path for a key",
        (f"{_part({'alg': 'HS256', 'typ': typ, 'kid': '../../dev/null'})}.{payload}.{signature}"),
    )
    yield "no signature", f"{header}.{payload}."
    yield "half a signature", f"{header}.{payload}.{signature[:20]}"
    yield "another user's signature", f"{header}.{payload}.{other.split('.')[2]}"
    yield "a later end", f"{header}.{_part(claims | {'exp': claims['exp'] + 1})}.{signature}"
    yield "another key", signed(_OTHER_KEY)
    yield "HS384", signed(key.ljust(48, "x"), algorithm="HS384")
    yield "HS512", signed(_OTHER_KEY, algorithm="HS512")
    yield "RS256", signed(rsa.generate_private_key(65537, 2048), algorithm="RS256")
    yield "ES256", signed(ec.generate_private_key(ec.SECP256R1()), algorithm="ES256")
    yield "expired", signed(exp=datetime.now(UTC) - timedelta(seconds=5))
    yield "expired long ago", signed(exp=1)
    yield "never expires", signed(exp=None)
    yield "expires in a text", signed(exp="tomorrow")
    yield "no subject", signed(sub=None)
    yield "SQL for a subject", signed(sub="' OR '1'='1")
    yield "another issuer", signed(iss="somebody-else")
    yield "another audience", signed(aud="somebody-else")


def _part(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
