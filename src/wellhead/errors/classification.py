"""What a failure means: one answer for HTTP, retries, health and metrics."""

from dataclasses import dataclass

from wellhead.errors.faults import MEANINGS, TRANSIENT, Fault
from wellhead.errors.recognition import fault_of, sqlstate_of


@dataclass(frozen=True, slots=True)
class Classification:
    """What one failure means.

    Attributes:
        fault: What went wrong.
        sqlstate: The server's code, where it sent one.
        http_status: The status that a web application answers.
        title: A sentence for the client; never holds SQL, names or addresses.
        is_transient: Whether the same work can succeed later without anybody's help.
        retry_after: Seconds after which trying again makes sense, or None.
        connection_lost: Whether the connection cannot be used any more.
    """

    fault: Fault
    sqlstate: str | None
    http_status: int
    title: str
    is_transient: bool
    retry_after: int | None
    connection_lost: bool

    @property
    def is_expected(self) -> bool:
        """Whether a sound program can meet it; otherwise somebody made a mistake."""
        return self.fault not in (Fault.PROGRAMMING, Fault.UNKNOWN)


def classify(error: BaseException) -> Classification:
    """Say what a failure of database work means.

    Takes what SQLAlchemy, a driver or Wellhead raised while a statement ran or a connection was
    taken; anything else is ``Fault.UNKNOWN``. A plain ``OSError`` is taken for a failure to
    connect, so pass only what came from the database.

    A connection that is lost during a COMMIT is transient like any other, and leaves open whether
    the COMMIT took effect: repeat only what may be done twice.
    """
    fault = fault_of(error)
    meaning = MEANINGS[fault]
    return Classification(
        fault=fault,
        sqlstate=sqlstate_of(error),
        http_status=meaning.http_status,
        title=meaning.title,
        is_transient=fault in TRANSIENT,
        retry_after=meaning.retry_after,
        connection_lost=fault is Fault.CONNECTION_LOST
        or getattr(error, "connection_invalidated", False),
    )
