"""Passwords that a server checks as always, with a thousandth of the work."""

import hashlib
import hmac
from base64 import b64encode
from urllib.parse import unquote, urlsplit

import psycopg
from psycopg import sql

_SALT = b"sixteen bytes of"


def verifier(password: str) -> str:
    """What a server or a pooler keeps of a password: for SCRAM, with one round of hashing.

    PostgreSQL's own have 4096 rounds, which each client repeats at each connection: half the work
    of connecting.
    """
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), _SALT, 1)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    keys = (hashlib.sha256(client_key).digest(), hmac.digest(salted, b"Server Key", "sha256"))
    salt, stored, server = (b64encode(each).decode() for each in (_SALT, *keys))
    return f"SCRAM-SHA-256$1:{salt}${stored}:{server}"


def check_password_cheaply(url: str) -> None:
    """Let the server keep the `verifier` of the URL's own password.

    Runs that share a server wait for each other: PostgreSQL refuses to change a role twice at once.
    """
    kept = sql.Literal(verifier(unquote(urlsplit(url).password or "")))
    with psycopg.connect(url) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(hashtext('check_password_cheaply'))")
        connection.execute(sql.SQL("ALTER ROLE CURRENT_USER PASSWORD {}").format(kept))
