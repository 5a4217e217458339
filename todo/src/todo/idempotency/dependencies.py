"""`Idempotency-Key`: how a client sends the same POST again without doing it twice.

The header is that of the IETF draft `draft-ietf-httpapi-idempotency-key-header`. The draft wants
its value in quotes, and most clients send none: both are the same key.
"""

import json
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Header, HTTPException, Request, Response
from pydantic import Field

from todo.accounts.dependencies import AccessTokenDep
from todo.database import database_of
from todo.given import Given
from todo.idempotency.creation import Creation, Values
from todo.idempotency.service import Idempotency, Reply, create
from wellhead import Database

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"

ANONYMOUS = "anonymous"
"""The one whom all belong to who are not logged in."""

_Key = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[!-~]([ -~]*[!-~])?$")]

REPLAYED_HEADER: dict[str, Any] = {
    REPLAYED: {
        "description": "`true` when this is the answer to an earlier request with the same key.",
        "schema": {"type": "string", "enum": ["true"]},
    }
}
"""The OpenAPI description of what tells a repeated answer from a first one."""


_KeyHeader = Annotated[
    Given[_Key],
    Header(
        description="A text of your own, new for each thing to do, such as a UUID. Sent again "
        "with the same request, it gives the first answer again, and nothing is done twice; "
        "with another one: 422; while the first is being worked on: 409.",
    ),
]


def _key_of(request: Request, idempotency_key: str | None) -> str | None:
    if idempotency_key is None:
        return None
    if len(request.headers.getlist(HEADER)) > 1:
        raise HTTPException(status_code=400, detail=f"{HEADER} must be sent once.")
    is_quoted = (
        len(idempotency_key) > len('""') and idempotency_key[0] == idempotency_key[-1] == '"'
    )
    return idempotency_key[1:-1] if is_quoted else idempotency_key


@dataclass(frozen=True, slots=True)
class Once:
    """Makes the object of one request and answers it; with a key once, however often it comes."""

    request: Request
    database: Database
    scope: str
    key: str | None

    async def __call__(self, creation: Creation, values: Values, *, location: str) -> Response:
        """Make the object, or give the first answer again.

        Args:
            creation: Its kind.
            values: The values of its statement.
            location: Where it is then.

        Raises:
            ConflictError: A request with this key is being worked on.
            InvalidError: The key was sent with another request before.
        """
        submission = None
        if self.key is not None:
            idempotency: Idempotency = self.request.app.state.idempotency
            submission = idempotency.submission(
                scope=self.scope, key=self.key, request=await _canonical(self.request)
            )
        return _response(
            await create(self.database, creation, values, location=location, submission=submission)
        )


async def _once(
    request: Request, token: AccessTokenDep, idempotency_key: _KeyHeader = None
) -> Once:
    key = _key_of(request, idempotency_key)
    return Once(request, database_of(request), str(token.user_id), key)


async def _once_for_anybody(request: Request, idempotency_key: _KeyHeader = None) -> Once:
    return Once(request, database_of(request), ANONYMOUS, _key_of(request, idempotency_key))


OnceDep = Annotated[Once, Depends(_once)]
"""For POSTs of somebody who is logged in: `return await once(creation, values, location=...)`."""

AnybodysOnceDep = Annotated[Once, Depends(_once_for_anybody)]
"""For POSTs without a login."""


async def _canonical(request: Request) -> str:
    # Written differently, with other blanks or in another order, it is still the same request.
    body = json.dumps(json.loads(await request.body()), sort_keys=True)
    return f"{request.method} {request.url.path}\n{body}"


def _response(reply: Reply) -> Response:
    response = Response(
        reply.body,
        status_code=reply.status,
        headers=reply.headers,
        media_type="application/json",
    )
    if reply.is_replay:
        response.headers[REPLAYED] = "true"
    return response
