"""What a failure means, defined once for HTTP, retries, health and metrics."""

from dataclasses import dataclass

from wellhead.errors.faults import CAN_RUN_AGAIN, MEANINGS, TRANSIENT, Fault
from wellhead.errors.groups import leaves_of
from wellhead.errors.recognition import decisive, fault_of, sqlstate_of

_LOST = frozenset({Fault.CONNECTION_LOST, Fault.OUTCOME_UNKNOWN})


@dataclass(frozen=True, slots=True)
class Classification:
    """What one failure means.

    Attributes:
        fault: What went wrong.
        sqlstate: The server's code, where it sent one.
        http_status: The status of a web application's response.
        title: A sentence for the client; never holds SQL, names or addresses.
        is_transient: Whether the same work can succeed later without intervention.
        retry_after: Seconds after which trying again makes sense, or None.
        connection_lost: Whether the connection is no longer usable.
        outcome_unknown: Whether the work may have been committed; see
            :class:`wellhead.CommitUnknownError`.
        can_run_again: Whether :meth:`wellhead.Database.run` runs its unit of work again: nothing
            of the transaction is left, and the cause soon passes.
    """

    fault: Fault
    sqlstate: str | None
    http_status: int
    title: str
    is_transient: bool
    retry_after: int | None
    connection_lost: bool
    outcome_unknown: bool
    can_run_again: bool

    @property
    def is_expected(self) -> bool:
        """Whether a correct program can run into it; otherwise it is a programming error."""
        return self.fault not in (Fault.PROGRAMMING, Fault.UNKNOWN)


def classify(error: BaseException) -> Classification:
    """Say what a failure of database work means.

    Takes what SQLAlchemy, a driver or Wellhead raised while a statement ran or a connection was
    acquired; anything else is ``Fault.UNKNOWN``. A plain ``OSError`` counts as a failure to
    connect, so pass only exceptions that came from the database.

    A connection lost during a COMMIT is ``Fault.OUTCOME_UNKNOWN`` if a :class:`wellhead.Database`
    made the connection. On another engine it is an ordinary lost connection, and whether the COMMIT
    took effect stays open.

    An exception group means what its gravest exception means, the one that forbids most: it is
    transient, or can run again, only if that is true of each of its exceptions.
    """
    leaves = leaves_of(error)
    error = decisive(error)
    faults = {fault_of(each) for each in leaves}
    fault = fault_of(error)
    meaning, pauses = MEANINGS[fault], [MEANINGS[each].retry_after for each in faults]
    return Classification(
        fault=fault,
        sqlstate=sqlstate_of(error),
        http_status=meaning.http_status,
        title=meaning.title,
        is_transient=faults <= TRANSIENT,
        retry_after=max((each for each in pauses if each), default=None) if all(pauses) else None,
        connection_lost=any(_lost_connection(each) for each in leaves),
        outcome_unknown=fault is Fault.OUTCOME_UNKNOWN,
        can_run_again=faults <= CAN_RUN_AGAIN,
    )


def _lost_connection(error: BaseException) -> bool:
    return fault_of(error) in _LOST or getattr(error, "connection_invalidated", False)
