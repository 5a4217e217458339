"""Changing credentials: requested for new connections, and kept as long as they are valid.

Tokens of a cloud's identity service, leases of a vault and rotated secrets replace the password of
the URL. One request serves all connections that are being made.
"""

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextvars import Context
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

from wellhead.connecting.foreign import failure_of
from wellhead.errors import ConfigurationError, CredentialsError, SettingsError
from wellhead.url import PostgresURL, parse_url

logger = logging.getLogger(__package__)

AT_ONCE = 1.0
"""Seconds for which credentials without an expiry are kept: for connections made together."""

AHEAD = 0.2
"""The last part of their lifetime, in which credentials are replaced while still valid."""

PAUSE = 0.25
"""Seconds between a refusal and the next request, for a rotation in progress."""

_AFTER_FAILURE = 1.0


@dataclass(frozen=True, slots=True)
class Credentials:
    """The credentials for a new connection.

    Attributes:
        password: The password or token; never shown.
        user: The user, or None for the URL's.
        expires_in: Seconds from now for which they are valid; they are replaced after four fifths
            of that. None if unknown: then the next connection made more than a second later
            requests them again.

    Raises:
        ConfigurationError: A value has the wrong type.
    """

    password: str = field(repr=False)
    user: str | None = None
    expires_in: float | None = None

    def __post_init__(self) -> None:
        for name, kinds, takes in (
            ("password", str, "text"),
            ("user", str | None, "text, or None"),
            ("expires_in", int | float | None, "a number of seconds, or None"),
        ):
            value: object = getattr(self, name)
            if not isinstance(value, kinds) or isinstance(value, bool):
                raise ConfigurationError(
                    f"{name} of the credentials is of type {type(value).__name__}; it must be "
                    f"{takes}."
                )

    def over(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The driver's arguments with these credentials in place."""
        given = {"password": self.password}
        if self.user is not None:
            given["user"] = self.user
        return {**arguments, **given}


Given = str | Credentials
Provide = Callable[[], Awaitable[Given]] | Callable[[PostgresURL], Awaitable[Given]]
"""Returns the credentials for new connections; if it takes an argument, it gets the URL."""


class SecretFile:
    """Credentials from a file that is read again for new connections.

    The file holds the password, or a database URL whose user and password are used.

    Args:
        path: Such as ``/run/secrets/database_password``.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)

    def __repr__(self) -> str:
        return f"SecretFile({str(self._path)!r})"

    async def __call__(self) -> Credentials:
        """Read the file.

        Raises:
            OSError: It cannot be read.
            URLError: It holds a URL that cannot be used.
            CredentialsError: It is empty, or a URL without a password.
        """
        text = self._path.read_text(encoding="utf-8").strip("\r\n")
        user = None
        if text.startswith(("postgres://", "postgresql://", "postgresql+")):
            url = parse_url(text)
            assert isinstance(url, PostgresURL)  # noqa: S101 - by its scheme
            user, text = url.user, url.password or ""
        if not text:
            raise CredentialsError(f"{self._path} contains no password.")
        return Credentials(text, user=user)


def takes_url(provide: Provide) -> bool:
    """Whether a function that returns credentials wants the URL.

    Raises:
        SettingsError: It can be called neither with the URL nor without.
    """
    if not callable(provide):
        raise SettingsError(
            f"credentials is of type {type(provide).__name__}; it must be an async function that "
            "returns a password or wellhead.Credentials."
        )
    try:
        signature = inspect.signature(provide)
    except (TypeError, ValueError):
        return False
    for arguments in ((), ("url",)):
        try:
            signature.bind(*arguments)
        except TypeError:
            continue
        return bool(arguments)
    raise SettingsError(
        f"credentials takes the arguments {signature}; it must take none, or the URL."
    )


@dataclass(frozen=True, slots=True)
class _Known:
    credentials: Credentials
    asked_at: float
    replaced_from: float
    expires_at: float


class Issuer:
    """Provides credentials, and requests them from the application as seldom as they allow.

    Args:
        provide: The application's function.
        url: The target of the connections.
        limit: Seconds for one request.
    """

    def __init__(self, provide: Provide, url: PostgresURL, *, limit: float) -> None:
        self._provide: Callable[..., Any] = provide
        self._arguments = (url,) if takes_url(provide) else ()
        self._limit = limit
        self._known: _Known | None = None
        self._asking: asyncio.Task[_Known] | None = None
        self._not_before = 0.0

    async def current(self) -> Credentials:
        """The credentials for a new connection; waits for them if none are valid.

        Raises:
            CredentialsError: There are none.
            ConfigurationError: The function returned something else.
        """
        known, now = self._known, monotonic()
        if known is not None and now < known.expires_at:
            if now >= max(known.replaced_from, self._not_before):
                self._ask()
            return known.credentials
        return (await self._answer(self._ask())).credentials

    async def after_refusal(self) -> Credentials:
        """Fresh credentials after the server has refused some; makes at most one request."""
        refused_at = monotonic()
        await asyncio.sleep(PAUSE)
        if self._asking is not None and not self._asking.done():
            await asyncio.wait({self._asking})
        # Others may have requested them by now, but that does not cover an older set.
        if self._known is not None and self._known.asked_at < refused_at + PAUSE / 2:
            self._known = None
        return await self.current()

    async def close(self) -> None:
        """Cancel a pending request."""
        if self._asking is not None and not self._asking.done():
            self._asking.cancel()
            await asyncio.wait({self._asking})

    def _ask(self) -> "asyncio.Task[_Known]":
        loop = asyncio.get_running_loop()
        asking = self._asking
        if asking is None or asking.done() or asking.get_loop() is not loop:
            # For all waiters: in no caller's context, and not cancelled along with one of them.
            asking = Context().run(loop.create_task, self._question())
            asking.add_done_callback(self._was_asked)
            self._asking = asking
        return asking

    async def _answer(self, asking: "asyncio.Task[_Known]") -> _Known:
        await asyncio.wait({asking})
        if asking.cancelled():
            raise CredentialsError("The request for credentials was cancelled.")
        error = asking.exception()
        if isinstance(error, CredentialsError | ConfigurationError):
            # Every waiter gets its own exception.
            raise type(error)(error.args[0], hint=error.hint) from error.__cause__
        return asking.result()

    async def _question(self) -> _Known:
        asked_at, limit = monotonic(), asyncio.timeout(self._limit)
        try:
            async with limit:
                given = await self._call()
        except (ConfigurationError, CredentialsError):
            raise
        except Exception as error:
            why = failure_of(error)
            if limit.expired():
                why = f"not within {self._limit:g} s"
            raise CredentialsError(
                f"No credentials for new connections are available: {why}.",
                hint="Check the credentials function; its error is the cause.",
            ) from error
        return self._keep(given, asked_at)

    async def _call(self) -> Credentials:
        answer = self._provide(*self._arguments)
        if not inspect.isawaitable(answer):
            raise ConfigurationError(
                f"credentials returned {type(answer).__name__}; it must be an async function.",
                hint="Run blocking code in asyncio.to_thread.",
            )
        given = await answer
        if isinstance(given, str):
            given = Credentials(given)
        if not isinstance(given, Credentials):
            raise ConfigurationError(
                f"credentials gave {type(given).__name__}; it must give a str or Credentials."
            )
        return given

    def _keep(self, given: Credentials, asked_at: float) -> _Known:
        now = monotonic()
        if given.expires_in is None:
            replaced_from = expires_at = now + AT_ONCE
        else:
            expires_at = now + given.expires_in
            replaced_from = expires_at - AHEAD * given.expires_in
        self._known = _Known(given, asked_at, replaced_from, expires_at)
        return self._known

    def _was_asked(self, asking: "asyncio.Task[_Known]") -> None:
        error = None if asking.cancelled() else asking.exception()
        known, now = self._known, monotonic()
        if error is None or known is None or now >= known.expires_at:
            return
        self._not_before = now + _AFTER_FAILURE
        logger.warning(
            "the credentials for new connections could not be replaced ahead of time; the current "
            "ones are valid for another %.0f s: %s",
            known.expires_at - now,
            error.args[0] if isinstance(error, CredentialsError) else type(error).__name__,
            extra={"event": "credentials_not_replaced"},
        )
