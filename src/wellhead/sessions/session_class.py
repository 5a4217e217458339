"""The class of a database's sessions, where an application brings one of its own.

It is not changed: sessions are of a class that is made of it and of :class:`ExclusiveSession`. What
it overrides comes before what SQLModel and SQLAlchemy do, and after that it is checked, once, on a
session that is never used, since a session that forgets its engine or expires what it has committed
fails much later and somewhere else.
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
    # Loaded objects stay readable after the commit, without a query that nobody awaits.
    "expire_on_commit": False,
    # A session used after its end raises; otherwise it would take a connection and leak it.
    "close_resets_only": False,
}
"""How the sessions of a database are made."""

_AWAITED = ("commit", "rollback", "close", "__aenter__", "__aexit__", "execute", "exec", "get")


def fitted(kind: Any) -> type[Any]:
    """The class itself where it is an :class:`ExclusiveSession`, else one made of both.

    Raises:
        ConfigurationError: It is no class of async sessions, or its sessions would not keep what is
            promised of them.
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
            kind.__name__, f"no session of it can be made ({type(error).__name__}: {error})"
        ) from error
    fault = next(_faults(session), None)
    if fault is not None:
        raise _refusal(kind.__name__, fault)
    return made


def _refusal(name: str, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"session_class={name} cannot be used: {why}.",
        hint="Derive it from wellhead.ExclusiveSession, and let its __init__ pass all keywords on.",
    )


def _faults(session: Any) -> Iterator[str]:
    sync = session.sync_session
    for name in _AWAITED:
        if not inspect.iscoroutinefunction(inspect.unwrap(getattr(type(session), name))):
            yield f"its {name}() is not async"
    if not isinstance(sync, ExclusiveSyncSession):
        yield f"its sync_session is a {type(sync).__name__}, which is not its sync_session_class"
        return
    # SQLAlchemy 2.0 sets the two only where they are given.
    own = getattr(session, "bind", None) or getattr(session, "binds", None)
    if own or sync.bind:
        yield "its sessions have an engine of their own"
    if type(sync).get_bind is not orm.Session.get_bind:
        yield "it overrides get_bind(), so that statements would pass the database's engine"
    if sync.expire_on_commit:
        yield "it sets expire_on_commit, so that nothing could be read after the commit"
    if sync.twophase:
        yield "it sets twophase, and of such a COMMIT nobody can tell whether it was done"
    sync.close()
    try:
        sync.begin()
    except InvalidRequestError:
        return
    yield "it sets close_resets_only, so that a session used after its end would keep a connection"
