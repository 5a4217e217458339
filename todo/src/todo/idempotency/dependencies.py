"""`Idempotency-Key`: how a client sends the same POST again without doing it twice.

The header is that of the IETF draft `draft-ietf-httpapi-idempotency-key-header`. The draft wants
its value in quotes, and most clients send none: both are the same key.
"""

import json
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Header, HTTPException, Request, Response
from pydantic import BaseModel, Field

from todo.accounts.dependencies import AccessTokenDep
from todo.given import Given
from todo.idempotency.service import Answer, Idempotency, Reply, do_once
from todo.units import Work
from wellhead.fastapi import Run, RunDep

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


async def _key(
    request: Request,
    idempotency_key: Annotated[
        Given[_Key],
        Header(
            description="A text of your own, new for each thing to do, such as a UUID. Sent again "
            "with the same request, it gives the first answer again, and nothing is done twice; "
            "with another one: 422; while the first is being worked on: 409.",
        ),
    ] = None,
) -> str | None:
    if idempotency_key is None:
        return None
    if len(request.headers.getlist(HEADER)) > 1:
        raise HTTPException(status_code=400, detail=f"{HEADER} must be sent once.")
    is_quoted = (
        len(idempotency_key) > len('""') and idempotency_key[0] == idempotency_key[-1] == '"'
    )
    return idempotency_key[1:-1] if is_quoted else idempotency_key


KeyDep = Annotated[str | None, Depends(_key)]


@dataclass(frozen=True, slots=True)
class Once:
    """Does the work of one request and answers it; with a key once, however often it comes."""

    request: Request
    run: Run
    scope: str
    key: str | None

    async def __call__(self, work: Work[Answer], *, is_repeatable: bool = False) -> Response:
        """Do the work in a transaction of its own, or give the first answer again.

        Args:
            work: What is to be done.
            is_repeatable: Whether it may be done twice; work under a key always may.

        Raises:
            ConflictError: A request with this key is being worked on.
            InvalidError: The key was sent with another request before.
        """
        if self.key is None:
            answer = await self.run(work, is_repeatable=is_repeatable)
            return _response(Reply(answer, is_replay=False))
        idempotency: Idempotency = self.request.app.state.idempotency
        submission = idempotency.submission(
            scope=self.scope, key=self.key, request=await _canonical(self.request)
        )
        return _response(await do_once(self.run, submission, work))


async def _once(request: Request, run: RunDep, token: AccessTokenDep, key: KeyDep) -> Once:
    return Once(request, run, str(token.user_id), key)


async def _once_for_anybody(request: Request, run: RunDep, key: KeyDep) -> Once:
    return Once(request, run, ANONYMOUS, key)


OnceDep = Annotated[Once, Depends(_once)]
"""For POSTs of somebody who is logged in: `return await once(work)`."""

AnybodysOnceDep = Annotated[Once, Depends(_once_for_anybody)]
"""For POSTs without a login."""


def created(new: BaseModel, *, owner_id: UUID, location: str, etag: str | None = None) -> Answer:
    """The answer that shows a new object: 201."""
    headers = {"Location": location} if etag is None else {"Location": location, "ETag": etag}
    return Answer(owner_id=owner_id, status=201, headers=headers, body=new.model_dump_json())


async def _canonical(request: Request) -> str:
    # Written differently, with other blanks or in another order, it is still the same request.
    body = json.dumps(json.loads(await request.body()), sort_keys=True)
    return f"{request.method} {request.url.path}\n{body}"


def _response(reply: Reply) -> Response:
    answer = reply.answer
    response = Response(
        answer.body,
        status_code=answer.status,
        headers=dict(answer.headers),
        media_type="application/json",
    )
    if reply.is_replay:
        response.headers[REPLAYED] = "true"
    return response
