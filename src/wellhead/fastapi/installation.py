"""What Wellhead adds to an application, and how to opt out of it."""

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, get_args

from fastapi import FastAPI
from starlette.routing import Route
from starlette.types import ASGIApp

from wellhead.database import Database
from wellhead.errors import ConfigurationError
from wellhead.fastapi.deadlines import add_deadline, share_deadline
from wellhead.fastapi.draining import Farewell
from wellhead.fastapi.handlers import answer_validation_error, handlers_for
from wellhead.fastapi.installed import MAIN, Form, Installed, installed_in
from wellhead.fastapi.mounted import mounted_in
from wellhead.fastapi.precedence import add_handlers, leave_out_answered
from wellhead.fastapi.probes import add_probes
from wellhead.fastapi.problems import describe_problems
from wellhead.fastapi.read_after import ReadAfter, read_after_for
from wellhead.fastapi.server_timing import add_tallies
from wellhead.fastapi.streams import refuse_ended_sessions

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.registry import Collector

logger = logging.getLogger("wellhead.fastapi")


def install(
    app: FastAPI,
    database: Database[Any],
    *,
    errors: Form = "problems",
    probes: bool = True,
    metrics: "bool | CollectorRegistry" = False,
    collectors: "Sequence[Collector]" = (),
    prefix: str = "",
    include_in_schema: bool = True,
    **further: Database[Any],
) -> None:
    """Give the application its databases, its error handlers and the routes about the databases.

    What it takes over is logged in one line (INFO) when the application starts:

    - Errors. ``errors="problems"`` adds handlers for ``HTTPException``,
      ``RequestValidationError``, ``SQLAlchemyError``, ``WellheadError``, ``ExceptionGroup`` and
      ``Exception``, which respond with problem details. ``"detail"`` adds those for
      ``SQLAlchemyError``, ``WellheadError`` and ``ExceptionGroup`` only, which respond as FastAPI
      does, with ``{"detail": ...}``. ``"own"`` adds none.
    - Routes: ``/health``, ``/health/live``, ``/health/startup``, ``/health/ready``,
      ``/health/db``, ``/db/pool-status``, and ``/metrics`` on request.
    - By ``DATABASE_LIVE_PAGE`` and ``DATABASE_LIVE_PAGE_TOKEN``: the page ``/db``, which shows the
      databases live.
    - With replicas: a cookie and a header, with which each client sees what it wrote.
    - Time limits. A request has ``DATABASE_REQUEST_TIMEOUT`` seconds until its response begins, and
      its work is cancelled when its client disconnects.
    - In development, by ``DATABASE_SERVER_TIMING`` and ``DATABASE_REPEATED_QUERY_THRESHOLD``: a
      header with the time in the database, and warnings about repeated statements.

    The application's own code takes precedence, whether added before or after: its handler for the
    same exception or a more specific one, and its route for the same path.

    Applications that are mounted in this one share its databases and its deadline, and their
    database failures get the same responses.

    Args:
        app: The application, before it serves requests.
        database: Its main database, named ``default``; it may still be closed.
        errors: The form of error responses.
        probes: Whether to add the routes about the databases.
        metrics: Whether to add ``/metrics`` for Prometheus as well. A registry of prometheus-client
            gets the databases' figures next to those it has, and ``/metrics`` exports them all.
        collectors: Collectors of the application's for ``/metrics`` that count in one process, as
            the databases' does: their figures, too, are added up over all workers.
        prefix: The start of these routes' paths, such as ``/internal``.
        include_in_schema: Whether the OpenAPI document lists the routes; never ``/metrics`` and
            ``/db``.
        further: More databases by name; :func:`session_of` and its like, the probes and the
            metrics use these names.

    Raises:
        ConfigurationError: The application has a database already; metrics are requested, and
            prometheus-client is not installed; there are replicas, and ``replica_key`` is not set;
            or an argument cannot be used.
    """
    _check(app, errors, prefix, further)
    installed = Installed({MAIN: database, **further}, errors)
    read_after = read_after_for(installed.databases)
    app.state.wellhead = installed
    handlers = handlers_for(errors)
    add_handlers(app, handlers)
    before = len(app.router.routes)
    if probes:
        add_probes(app, installed, prefix=prefix, include_in_schema=include_in_schema)
    _install_figures(app, installed, metrics, collectors, prefix)
    added = [each for each in app.router.routes[before:] if isinstance(each, Route)]
    add_tallies(app, installed.databases.values())
    add_deadline(app, seconds=database.settings.request_timeout)
    app.add_middleware(Farewell, databases=tuple(installed.databases.values()))
    if read_after is not None:
        app.add_middleware(ReadAfter, **read_after)

    def settle() -> None:
        leave_out_answered(app, added)
        added[:] = [each for each in added if each in app.router.routes]

    def start(stack: ASGIApp) -> ASGIApp:
        # Starlette builds its middleware when the application starts; this adds nothing to it.
        settle()
        refuse_ended_sessions(app)
        share_deadline(app)
        for each in mounted_in(app):
            if isinstance(each, FastAPI) and installed_in(each) is None:
                describe_problems(each)
        _announce(app, installed, handlers, added)
        return stack

    app.add_middleware(start)
    refusal = answer_validation_error if errors == "problems" else None
    describe_problems(app, refusal=refusal, before=settle)


def _check(app: FastAPI, errors: Form, prefix: str, further: Mapping[str, object]) -> None:
    if installed_in(app) is not None:
        raise ConfigurationError(
            "The application has a database already.",
            hint="Call install once; it takes further databases by name: "
            "install(app, database, archive=archive).",
        )
    if errors not in get_args(Form):
        raise ConfigurationError(
            f"errors is {errors!r}; it must be one of {', '.join(map(repr, get_args(Form)))}."
        )
    if prefix and not (prefix.startswith("/") and not prefix.endswith("/")):
        raise ConfigurationError(
            f"prefix is {prefix!r}; it must begin with a slash and not end with one."
        )
    for name, each in further.items():
        if not isinstance(each, Database):
            raise ConfigurationError(f"{name}={each!r} is neither an argument nor a database.")
        if name == MAIN:
            raise ConfigurationError(f"{MAIN!r} is the name of the main database.")


def _announce(
    app: FastAPI,
    installed: Installed,
    handlers: Mapping[type[Exception], object],
    routes: Sequence[Route],
) -> None:
    present = app.exception_handlers
    answered = [kind.__name__ for kind, each in handlers.items() if present.get(kind) is each]
    logger.info(
        "Wellhead gives this application: databases %s; errors %r, with handlers for %s; routes %s",
        ", ".join(installed.databases),
        installed.errors,
        ", ".join(answered) or "none",
        ", ".join(route.path for route in routes) or "none",
        extra={"event": "installed", "errors": installed.errors},
    )


def _install_figures(
    app: FastAPI,
    installed: Installed,
    metrics: "bool | CollectorRegistry",
    collectors: "Sequence[Collector]",
    prefix: str,
) -> None:
    # Imported only by those that have one.
    settings = installed.databases[MAIN].settings
    has_page = settings.live_page or settings.live_page_token is not None
    if not has_page and metrics is False:
        return
    from wellhead.fastapi.working_together import workers_of  # noqa: PLC0415 - as said above

    workers = workers_of(app, installed)
    if has_page:
        from wellhead.fastapi.live.page import install_live_page  # noqa: PLC0415

        install_live_page(app, installed, workers=workers, prefix=prefix)
    if metrics is not False:
        registry = None if metrics is True else metrics
        try:
            from wellhead.fastapi.prometheus import install_metrics  # noqa: PLC0415
        except ModuleNotFoundError as error:
            raise ConfigurationError(
                f"Metrics need the package {error.name}, which is not installed.",
                hint='Install it with pip install "wellhead[metrics]".',
            ) from error
        install_metrics(
            app, installed.databases,
            registry=registry, collectors=collectors, workers=workers, prefix=prefix,
        )  # fmt: skip
