"""The class of a database's sessions, if an application brings its own.

It is not changed: the sessions' class is derived from it and :class:`ExclusiveSession`. Its
overrides come before SQLModel and SQLAlchemy. It is checked once, on a session that is never used,
since a session that forgets its engine or expires committed objects fails much later and somewhere
else.
"""

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import orm
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from wellhead.errors import ConfigurationError
from wellhead.sessions.exclusive import ExclusiveSession, ExclusiveSyncSession

LASTING: Mapping[str, Any] = {
    # Loaded objects stay readable after the commit, without a query that is not awaited.
    "expire_on_commit": False,
    # A session used after its end raises; otherwise it would acquire a connection and leak it.
    "close_resets_only": False,
}
"""How the sessions of a database are created."""

_AWAITED = ("commit", "rollback", "close", "__aenter__", "__aexit__", "execute", "exec", "get")


def fitted(kind: Any) -> type[Any]:
    """The class itself if it is an :class:`ExclusiveSession`, else one derived from both.

    Raises:
        ConfigurationError: It is not a class of async sessions, or its sessions would break
            Wellhead's guarantees.
    """
    if not (isinstance(kind, type) and issubclass(kind, AsyncSession)):
        name = kind.__name__ if isinstance(kind, type) else type(kind).__name__
        raise _refusal(name, "it is not a subclass of SQLAlchemy's or SQLModel's AsyncSession")
    if kind is ExclusiveSession:
        return kind
    try:
        made: type[Any] = kind
        if not issubclass(kind, ExclusiveSession):
            made = ExclusiveSession
            if not issubclass(ExclusiveSession, kind):
                made = type(kind.__name__, (kind, ExclusiveSession), {})
        session = async_sessionmaker(class_=made, **LASTING)()
    except Exception as error:
        raise _refusal(
            kind.__name__, f"it cannot be instantiated ({type(error).__name__}: {error})"
        ) from error
    fault = next(_faults(session), None)
    if fault is not None:
        raise _refusal(kind.__name__, fault)
    return made


def _refusal(name: str, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"session_class={name} cannot be used: {why}.",
        hint="Derive it from wellhead.ExclusiveSession, and let its __init__ pass on all keywords.",
    )


def _faults(session: Any) -> Iterator[str]:
    sync = session.sync_session
    for name in _AWAITED:
        if not inspect.iscoroutinefunction(inspect.unwrap(getattr(type(session), name))):
            yield f"its {name}() is not async"
    if not isinstance(sync, ExclusiveSyncSession):
        yield f"its sync_session is a {type(sync).__name__}, which is not its sync_session_class"
        return
    # SQLAlchemy 2.0 sets the two only if they are given.
    own = getattr(session, "bind", None) or getattr(session, "binds", None)
    if own or sync.bind:
        yield "its sessions have their own engine"
    if type(sync).get_bind is not orm.Session.get_bind:
        yield "it overrides get_bind(), so that statements would bypass the database's engine"
    if sync.expire_on_commit:
        yield "it sets expire_on_commit, so that nothing could be read after the commit"
    if sync.twophase:
        yield "it sets twophase, and the outcome of such a COMMIT cannot be known"
    sync.close()
    try:
        sync.begin()
    except InvalidRequestError:
        return
    yield "it sets close_resets_only, so that a session used after its end would keep a connection"
