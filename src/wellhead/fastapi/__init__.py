"""Wellhead in a FastAPI application.

Three lines connect the two::

    database = Database()
    app = FastAPI(lifespan=lifespan(database))
    install(app, database)

after which a route takes a ``SessionDep``, a ``RunDep`` or a ``ReaderDep``.

Begin with ``dependencies``, which has these three and the lifespan, and with ``installation``,
which has ``install``. ``handlers`` responds to every error, by default with ``problems``;
``probes`` has the routes about the databases, and ``deadlines`` cancels a request that takes too
long or whose client has disconnected.
"""

from wellhead.fastapi.deadlines import deadline
from wellhead.fastapi.dependencies import (
    ReaderDep,
    Run,
    RunDep,
    SessionDep,
    lifespan,
    reader_of,
    run_of,
    session_of,
)
from wellhead.fastapi.installation import install
from wellhead.fastapi.problems import (
    PROBLEM_JSON,
    Problem,
    ValidationFault,
    problem_response,
    problem_responses,
)

__all__ = [
    "PROBLEM_JSON",
    "Problem",
    "ReaderDep",
    "Run",
    "RunDep",
    "SessionDep",
    "ValidationFault",
    "deadline",
    "install",
    "lifespan",
    "problem_response",
    "problem_responses",
    "reader_of",
    "run_of",
    "session_of",
]
