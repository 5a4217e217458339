"""asyncpg's conversation with the server, counted."""

from collections.abc import Awaitable, Callable
from typing import Any

from asyncpg.protocol import Protocol

from wellhead.pool.observing import Exchanges

_ONE_EACH = (
    "prepare", "bind_execute", "bind_execute_many", "bind", "execute", "query", "copy_out",
    "close_portal", "close_statement",
)  # fmt: skip
"""The methods of asyncpg's protocol that send something and wait for the response."""


def count_on(protocol: Any) -> Exchanges:
    """Count what this protocol of an open connection sends from now on."""
    protocol.__class__ = _CountedProtocol
    protocol.exchanges = exchanges = Exchanges()
    return exchanges


def _counted(name: str, by: int) -> Callable[..., Awaitable[Any]]:
    method = getattr(Protocol, name)

    def exchange(self: Any, *args: Any, **options: Any) -> Awaitable[Any]:
        self.exchanges.count += by
        result: Awaitable[Any] = method(self, *args, **options)
        return result

    return exchange


_CountedProtocol = type(
    "_CountedProtocol",
    (Protocol,),
    {
        **{name: _counted(name, 1) for name in _ONE_EACH},
        # The data follows once the server is ready for it.
        "copy_in": _counted("copy_in", 2),
    },
)
