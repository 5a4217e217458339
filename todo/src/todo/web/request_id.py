"""A name for each request, in its response and in every log line that it causes."""

import os
import re
from contextvars import ContextVar

HEADER = b"x-request-id"

WELL_FORMED = re.compile(rb"[A-Za-z0-9._~+/=:-]{1,128}")
"""What is taken over from a client or a proxy: nothing that could forge a log line."""

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The request that this task works for, or None outside of one."""


def identify(given: bytes | None) -> bytes:
    """Name the request that this task works for, and return its name.

    Args:
        given: Its `X-Request-ID`, which is taken over where it is well-formed.
    """
    if given is not None and WELL_FORMED.fullmatch(given):
        identifier = given.decode("ascii")
    else:
        identifier = os.urandom(16).hex()
    # Not reset afterwards: the server writes its access line when the response has gone.
    request_id.set(identifier)
    return identifier.encode("ascii")
