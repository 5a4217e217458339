"""The response to an unexpected error.

Starlette handles such errors outside all middleware, where the request id, the security headers and
the CORS headers are missing. `todo.web.middleware` handles them inside.
"""

import logging

from starlette.responses import Response
from starlette.types import Scope

from wellhead.fastapi import problem_response
from wellhead.fastapi.targets import shown

logger = logging.getLogger(__name__)


def answer_unforeseen(scope: Scope, error: Exception) -> Response:
    """Log the error with its traceback, and return a response that says nothing about it."""
    logger.error("%s %s failed unexpectedly", *shown(scope), exc_info=error)
    return problem_response(500, detail="The error was logged under this request's id.")
