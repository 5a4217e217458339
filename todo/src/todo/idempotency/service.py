"""Create an object once per key, and return its first response again."""

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy.exc import IntegrityError

from todo.batches import DeleteExpired
from todo.database import still
from todo.errors import ConflictError, InvalidError
from todo.etag import etag
from todo.idempotency.creation import Creation, Submitted, Values
from todo.idempotency.models import IdempotencyKey
from wellhead import CommitUnknownError, Database

LOOKS = 20
"""How often a repeated request checks whether its first run has ended on the server."""

PAUSE = 0.1
"""Seconds between two checks."""

MOST_UNKNOWN = 3
"""How often a request may stay without a reply from the server."""

OWN_LIFETIME = timedelta(minutes=10)
"""How long a response is stored for the request itself."""

RETRY_AFTER = 1
"""Seconds after which a request in progress has probably finished."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """One request under its key.

    Attributes:
        id: Identifies the key and its sender.
        fingerprint: Identifies the request.
        lifetime: How long its response is stored.
        earlier_fingerprints: Identify the request by secrets of before.
    """

    id: bytes
    fingerprint: bytes
    lifetime: timedelta
    earlier_fingerprints: Sequence[bytes] = ()

    def has(self, fingerprint: bytes) -> bool:
        """Whether a stored fingerprint is that of this request."""
        own = (self.fingerprint, *self.earlier_fingerprints)
        return any(hmac.compare_digest(fingerprint, each) for each in own)

    @property
    def lock(self) -> int:
        """The number of its advisory lock."""
        return int.from_bytes(self.id[:8], signed=True)


@dataclass(frozen=True, slots=True)
class Idempotency:
    """How one application recognises requests.

    Attributes:
        secret: The key of fingerprints. If it changes, and is not among the previous ones, every
            repeated request looks like another one, which is refused and not done twice.
        lifetime: How long a response is stored.
        previous_secrets: The keys of before.
    """

    secret: bytes = field(repr=False)
    lifetime: timedelta
    previous_secrets: Sequence[bytes] = field(default=(), repr=False)

    def own_submission(self) -> Submission:
        """A request that was sent without a key, under one that nobody else knows.

        So a statement that got no reply can be sent again.
        """
        return Submission(id=secrets.token_bytes(32), fingerprint=b"", lifetime=OWN_LIFETIME)

    def submission(self, *, scope: str, key: str, request: str) -> Submission:
        """A request under its key.

        Args:
            scope: The sender; the same key from another sender is a different one.
            key: The client's key.
            request: The whole request, in a canonical form.
        """
        whole = f"idempotency\n{request}".encode()
        return Submission(
            id=hashlib.sha256(f"{scope}\n{key}".encode()).digest(),
            fingerprint=hmac.digest(self.secret, whole, "sha256"),
            earlier_fingerprints=[
                hmac.digest(secret, whole, "sha256") for secret in self.previous_secrets
            ],
            lifetime=self.lifetime,
        )


@dataclass(frozen=True, slots=True)
class Reply:
    """A response, and whether it repeats that of an earlier request."""

    status: int
    headers: Mapping[str, str]
    body: str
    is_replay: bool


async def create(
    database: Database,
    creation: Creation,
    values: Values,
    *,
    location: str | None,
    submission: Submission | None = None,
) -> Reply:
    """Do it in one round trip, or return the response if it was done before.

    This works even if the server does not reply: the object's id, or the key, reveals the outcome.

    Raises:
        ConflictError: A request with this key is in progress, or the id is taken.
        InvalidError: The key was sent with another request before.
        CommitUnknownError: The server did not reply three times in a row.
    """
    # A conflicting row may have arrived with the same key since the statement began.
    may_be_our_own = submission is not None
    while True:
        try:
            if submission is None:
                return await _create(database, creation, values, location)
            return await _create_once(database, creation, values, location, submission)
        except IntegrityError as error:
            if not may_be_our_own:
                creation.explain(error, values)
            may_be_our_own = False


async def _create(
    database: Database, creation: Creation, values: Values, location: str | None
) -> Reply:
    created = await creation.plain.one_or_none(database, **values)
    if created is None:
        # A first run without a reply has created it.
        assert creation.find is not None  # noqa: S101 - otherwise it has a key
        try:
            created = await creation.find(database, values)
        except Exception as error:
            raise CommitUnknownError.after_silence() from error
    return _first(creation, created.document, created.revision, location)


async def _create_once(
    database: Database,
    creation: Creation,
    values: Values,
    location: str | None,
    submission: Submission,
) -> Reply:
    keyed = {
        **values,
        "location": location,
        "key_id": submission.id,
        "key_lock": submission.lock,
        "key_fingerprint": submission.fingerprint,
        "key_expires_at": values["now"] + submission.lifetime,
    }
    unknown: CommitUnknownError | None = None
    for _ in range(MOST_UNKNOWN):
        # The server may not have noticed yet that the connection of a first run is lost.
        looks = 1 if unknown is None else LOOKS
        try:
            with still(unknown):
                attempt = await _attempt(database, creation, keyed, looks)
        except CommitUnknownError as error:
            if error is unknown:
                raise
            unknown = error
            continue
        if attempt.fingerprint is None:
            assert attempt.document is not None  # noqa: S101 - no other request was there
            return _first(creation, attempt.document, attempt.revision, location)
        if not submission.has(attempt.fingerprint):
            raise InvalidError(
                "This Idempotency-Key was sent with another request before; use a new one.",
                code="idempotency-key-reused",
            )
        is_own = unknown is not None and attempt.kept_at == values["now"]
        return Reply(
            attempt.kept_status, attempt.kept_headers, attempt.kept_body, is_replay=not is_own
        )
    assert unknown is not None  # noqa: S101 - nothing else ends the loop
    raise unknown


async def _attempt(
    database: Database, creation: Creation, keyed: Mapping[str, Any], looks: int
) -> Submitted:
    for look in range(looks):
        if look:
            await asyncio.sleep(PAUSE)
        attempt = await creation.keyed.one(database, **keyed)
        if attempt.document is not None or attempt.fingerprint is not None:
            return attempt
        # It saw the id, but no first run of its own, which would have stored both at once.
        if attempt.is_ours and creation.taken is not None:
            raise creation.taken()
        # With the lock, or with neither, its own first run has ended since the statement began.
    raise _in_use()


def _first(creation: Creation, body: str, revision: str | None, location: str | None) -> Reply:
    headers = {} if location is None else {"Location": location}
    if revision is not None:
        headers["ETag"] = etag(revision)
    return Reply(creation.status, headers, body, is_replay=False)


def _in_use() -> ConflictError:
    return ConflictError(
        "A request with this Idempotency-Key is in progress; send it again in a moment.",
        code="idempotency-key-in-use",
        retry_after=RETRY_AFTER,
    )


delete_expired_keys = DeleteExpired(IdempotencyKey)
