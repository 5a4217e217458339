"""Reads answers: what a client may conclude from a status, a problem or a broken connection."""

import time
from collections.abc import Mapping
from typing import Any

import httpx2

from bench.faults.ledger import Answer, Outcome
from wellhead.fastapi.read_after import HEADER

NOTHING_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)

_SAYS_THAT_NOTHING_WAS_DONE = 503
_LEAVE_IT_OPEN = ("outcome_unknown", "idempotency-key-in-use")
"""The types of problems that say that the outcome is unknown, or not yet known."""


def read(response: httpx2.Response, began: float) -> Answer:
    """What an answer means.

    A success is an acknowledgement. A refusal of the client (4xx) and a 503 say that nothing was
    done, unless the problem's type says that it is not known. Any other error says nothing.
    """
    body = _body(response)
    kind = str(body.get("type", "")).rpartition(":")[2]
    words = f"{response.status_code} {kind}".rstrip() if kind else str(response.status_code)
    return Answer(
        _outcome(response.status_code, kind),
        words,
        began,
        time.monotonic(),
        str(body["id"]) if response.is_success and "id" in body else None,
        response.headers.get(HEADER),
    )


def broken(error: Exception, began: float) -> Answer:
    """What it means when no answer came at all."""
    if isinstance(error, NOTHING_SENT):
        return Answer(Outcome.REFUSED, "no connection", began, time.monotonic())
    words = "no answer" if isinstance(error, TimeoutError) else "connection cut"
    return Answer(Outcome.UNKNOWN, words, began, time.monotonic())


def _outcome(status: int, kind: str) -> Outcome:
    if 200 <= status < 300:
        return Outcome.ACKNOWLEDGED
    if kind in _LEAVE_IT_OPEN:
        return Outcome.UNKNOWN
    if 400 <= status < 500 or status == _SAYS_THAT_NOTHING_WAS_DONE:
        return Outcome.REFUSED
    return Outcome.UNKNOWN


def _body(response: httpx2.Response) -> Mapping[str, Any]:
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
