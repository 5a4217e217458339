"""The composition root: settings and a database become an application."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.routing import APIRoute
from starlette.middleware import Middleware

from todo.accounts.access_routes import logins_router, tokens_router
from todo.accounts.attempts import Attempts, DatabaseStorage
from todo.accounts.keys import signing_key
from todo.accounts.mail import mailer_of
from todo.accounts.notices import Notices
from todo.accounts.outgoing import OutgoingMail
from todo.accounts.passwords import Passwords
from todo.accounts.reset import PasswordResets
from todo.accounts.reset_routes import router as reset_router
from todo.accounts.routes import router as accounts_router
from todo.accounts.service import Accounts
from todo.accounts.tokens import Tokens
from todo.errors import (
    BusyError,
    ConflictError,
    ForbiddenError,
    GoneError,
    InvalidError,
    NotAuthenticatedError,
    NotFoundError,
    PreconditionFailedError,
    TodoError,
    TooManyAttemptsError,
)
from todo.idempotency.service import Idempotency
from todo.schema import program_migrations
from todo.settings import Settings
from todo.sync.routes import router as sync_router
from todo.tags.routes import router as tags_router
from todo.tasks.routes import router as tasks_router
from todo.transfer.routes import routers as transfer_routers
from todo.web.error_page import install_error_page
from todo.web.middleware import WebMiddleware
from todo.web.openapi import LICENSE, SERVERS, TAGS, complete_document
from todo.web.pages import install_pages
from todo.web.routing import ignore_slash_at_end
from wellhead import Database
from wellhead.fastapi import install, lifespan, problem_response

if TYPE_CHECKING:
    from todo.web.figures import HTTPCollector

ROUTERS: Sequence[APIRouter] = (
    accounts_router,
    tasks_router,
    tags_router,
    sync_router,
    *transfer_routers,
    logins_router,
    tokens_router,
    reset_router,
)
"""All routes; what is asked for most often first."""

STATUSES: Mapping[type[TodoError], int] = {
    NotAuthenticatedError: 401,
    ForbiddenError: 403,
    NotFoundError: 404,
    ConflictError: 409,
    GoneError: 410,
    PreconditionFailedError: 412,
    InvalidError: 422,
    TooManyAttemptsError: 429,
    BusyError: 503,
}
"""The HTTP status of each error of the services."""

DESCRIPTION = """\
Accounts, tasks and tags. Register, log in, and use the paths below `/api/me`, or below your own id.

Every error is a [problem document](https://www.rfc-editor.org/rfc/rfc9457).
"""


def create_app(settings: Settings | None = None, database: Database | None = None) -> FastAPI:
    """The application; nothing is opened before its lifespan begins.

    Args:
        settings: The application's settings; None reads the environment and `.env`.
        database: The database, not yet opened; None reads `DATABASE_*`, and then `/health/db` is
            not ready until the migrations have been run.

    Raises:
        SettingsError: A setting cannot be used.
        URLError: `DATABASE_URL` is missing or cannot be used.
    """
    settings = settings or Settings()
    database = database or Database(settings.database(), migrations=program_migrations())
    figures = _figures() if settings.metrics else None
    app = FastAPI(
        title=settings.app_name,
        version=settings.app_version,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=run(database, drain_seconds=settings.drain_seconds),
        middleware=[Middleware(WebMiddleware, settings=settings, figures=figures)],
        generate_unique_id_function=operation_id,
        license_info={**LICENSE},
        openapi_tags=[*TAGS],
        servers=[*SERVERS],
    )
    collectors = () if figures is None else (figures,)
    install(app, database, metrics=settings.metrics, collectors=collectors)
    app.add_exception_handler(TodoError, answer_todo_error)
    install_error_page(app)
    for router in ROUTERS:
        app.include_router(router)
    install_pages(app)
    ignore_slash_at_end(app.router)
    complete_document(app)
    _install_accounts(app, settings, database)
    return app


def _figures() -> "HTTPCollector":
    from todo.web.figures import HTTPCollector  # noqa: PLC0415 - only where it is asked for

    return HTTPCollector()


def run(
    database: Database, *, drain_seconds: float
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """A lifespan that opens the database, and lets mails in progress end before it is closed."""
    opened = lifespan(database, drain_seconds=drain_seconds)

    @asynccontextmanager
    async def open_and_finish(app: FastAPI) -> AsyncIterator[None]:
        async with opened(app):
            yield
            await app.state.outgoing_mail.finish()

    return open_and_finish


def _install_accounts(app: FastAPI, settings: Settings, database: Database) -> None:
    app.state.database = database
    key = signing_key(settings)
    previous_secrets = [each.encode() for each in settings.previous_keys]
    tokens = Tokens(
        key=key,
        previous_keys=settings.previous_keys,
        algorithm=settings.jwt_algorithm,
        issuer=settings.jwt_issuer,
        audience=settings.jwt_audience,
        access_lifetime=settings.access_lifetime,
        refresh_lifetime=settings.refresh_lifetime,
        refresh_grace=settings.refresh_grace,
    )
    app.state.tokens = tokens
    app.state.idempotency = Idempotency(
        key.encode(), settings.idempotency_lifetime, previous_secrets
    )
    attempts = Attempts(
        DatabaseStorage(database, secret=key.encode(), previous_secrets=previous_secrets),
        per_account=settings.login_attempts_per_account,
        per_address=settings.login_attempts_per_address,
        registrations=settings.registrations_per_address,
        resets_per_account=settings.resets_per_account,
        resets_per_address=settings.resets_per_address,
    )
    app.state.outgoing_mail = outgoing = OutgoingMail(mailer_of(settings))
    app.state.accounts = accounts = Accounts(
        database=database,
        passwords=passwords_of(settings),
        tokens=tokens,
        attempts=attempts,
        notices=Notices(
            outgoing=outgoing,
            attempts=attempts,
            name=settings.app_name,
            public_url=settings.public_url,
        ),
        registration=settings.registration,
    )
    app.state.password_resets = PasswordResets(
        accounts=accounts,
        outgoing=outgoing,
        lifetime=settings.password_reset_lifetime,
        name=settings.app_name,
        public_url=settings.public_url,
    )


def passwords_of(settings: Settings) -> Passwords:
    """The password hasher for these settings."""
    return Passwords(
        time_cost=settings.argon2_time_cost,
        memory_kib=settings.argon2_memory_kib,
        parallelism=settings.argon2_parallelism,
        concurrency=settings.argon2_concurrency,
    )


async def answer_todo_error(request: Request, error: Exception) -> Response:
    """Respond to an error of a service, with the status of its class."""
    assert isinstance(error, TodoError)  # noqa: S101 - what it is registered for
    headers: dict[str, str] = {}
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, NotAuthenticatedError):
        has_token = "authorization" in request.headers
        headers["WWW-Authenticate"] = 'Bearer error="invalid_token"' if has_token else "Bearer"
    return problem_response(
        STATUSES[type(error)], detail=str(error), type=f"urn:todo:{error.code}", headers=headers
    )


def operation_id(route: APIRoute) -> str:
    """The name of an operation in `/openapi.json`: the route's own name, such as `login`."""
    return route.name
