"""`Idempotency-Key`: lets a client repeat a POST without doing it twice.

The header follows the IETF draft `draft-ietf-httpapi-idempotency-key-header`. The draft requires
quotes around its value, and most clients send none: both are the same key.
"""

import json
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Header, HTTPException, Request, Response
from pydantic import Field

from todo.accounts.dependencies import CallerDep
from todo.database import database_of
from todo.given import Given
from todo.idempotency.creation import Creation, Values
from todo.idempotency.service import Idempotency, Reply, create
from wellhead import Database

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"

ANONYMOUS = "anonymous"
"""The owner of all keys that are sent without a login."""

_Key = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[!-~]([ -~]*[!-~])?$")]

REPLAYED_HEADER: dict[str, Any] = {
    REPLAYED: {
        "description": "`true` if this is the response to an earlier request with the same key.",
        "schema": {"type": "string", "enum": ["true"]},
    }
}
"""The OpenAPI description of the header that marks a repeated response."""


_KeyHeader = Annotated[
    Given[_Key],
    Header(
        description="A text of your own, new for each operation, such as a UUID. Sent again "
        "with the same request, it returns the first response, and nothing is done twice; "
        "with another one: 422; while the first is in progress: 409.",
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
    """Does what one request asks for and responds; with a key only once, even if repeated."""

    request: Request
    database: Database
    scope: str
    key: str | None

    async def __call__(
        self, creation: Creation, values: Values, *, location: str | None = None
    ) -> Response:
        """Do it, or return the first response again.

        Args:
            creation: The kind of object, or of work.
            values: The values of its statement.
            location: The URL of the object, if it is one.

        Raises:
            ConflictError: A request with this key is in progress, or the id is taken.
            InvalidError: The key was sent with another request before.
        """
        submission = None
        idempotency: Idempotency = self.request.app.state.idempotency
        if self.key is not None:
            submission = idempotency.submission(
                scope=self.scope, key=self.key, request=await self._canonical()
            )
        elif creation.find is None:
            submission = idempotency.own_submission()
        return _response(
            await create(self.database, creation, values, location=location, submission=submission)
        )

    async def _canonical(self) -> str:
        # With other white space, in another order, or to /api/me/.. it is still the same request.
        path, user_id = self.request.url.path, self.request.path_params.get("user_id")
        if user_id is not None:
            path = path.replace(f"/api/{user_id}/", f"/api/{self.scope}/", 1)
        body = json.dumps(json.loads(await self.request.body()), sort_keys=True)
        return f"{self.request.method} {path}\n{body}"


async def _once(request: Request, token: CallerDep, idempotency_key: _KeyHeader = None) -> Once:
    key = _key_of(request, idempotency_key)
    return Once(request, database_of(request), str(token.user_id), key)


async def _once_for_anybody(request: Request, idempotency_key: _KeyHeader = None) -> Once:
    return Once(request, database_of(request), ANONYMOUS, _key_of(request, idempotency_key))


OnceDep = Annotated[Once, Depends(_once)]
"""For POSTs with a login: `return await once(creation, values, location=...)`."""

AnybodysOnceDep = Annotated[Once, Depends(_once_for_anybody)]
"""For POSTs without a login."""


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
