"""How often a driver connection has sent something and waited for the response.

No driver tells. Wellhead's connection classes count it once they are told to.
"""

from typing import Any


class Exchanges:
    """The count of one connection; it stays readable when the connection is closed.

    Attributes:
        count: Statements, BEGIN, COMMIT and ROLLBACK, and what the driver asks for itself: to
            prepare or close a statement, or the server's types.
    """

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0


def exchanges_of(connection: Any) -> Exchanges | None:
    """The count of a driver connection; None if it does not count."""
    found: Exchanges | None = getattr(connection, "exchanges", None)
    return found
