"""An id for each request, in its response and in every log line that it causes."""

import os
import re
from contextvars import ContextVar

HEADER = b"x-request-id"

WELL_FORMED = re.compile(rb"[A-Za-z0-9._~+/=:-]{1,128}")
"""What is accepted from a client or a proxy: nothing that could forge a log line."""

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The id of the request that this task works for, or None outside one."""


def identify(given: bytes | None) -> bytes:
    """Identify the request that this task works for, and return its id.

    Args:
        given: Its `X-Request-ID`, which is used if it is well-formed.
    """
    if given is not None and WELL_FORMED.fullmatch(given):
        identifier = given.decode("ascii")
    else:
        identifier = os.urandom(16).hex()
    # Not reset afterwards: the server writes its access log after the response.
    request_id.set(identifier)
    return identifier.encode("ascii")
