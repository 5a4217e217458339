"""Exception groups: ``asyncio.TaskGroup`` raises one for any failure of its tasks."""

from collections.abc import Callable, Iterable

from sqlalchemy.exc import SQLAlchemyError

from wellhead.errors.faults import CAN_RUN_AGAIN, TRANSIENT, Fault
from wellhead.errors.tree import WellheadError


def leaves_of(error: BaseException) -> tuple[BaseException, ...]:
    """The exceptions of a group and its subgroups; for any other exception, that one."""
    found, waiting = [], [error]
    while waiting:
        each = waiting.pop()
        if isinstance(each, BaseExceptionGroup):
            waiting.extend(reversed(each.exceptions))
        else:
            found.append(each)
    return tuple(found)


def is_of_database(error: BaseException) -> bool:
    """Whether an exception came from database work."""
    return isinstance(error, SQLAlchemyError | WellheadError)


def gravest(
    errors: Iterable[BaseException], fault_of: Callable[[BaseException], Fault]
) -> BaseException:
    """The exception that decides what all of these mean together: the one that forbids most.

    Work that may have been done ranks before what cannot succeed, then what passes soon, then what
    says nothing. Among equals the first decides.
    """
    return min(errors, key=lambda error: _rank(fault_of(error)))


def _rank(fault: Fault) -> int:
    if fault in _FIRST:
        return _FIRST.index(fault)
    if fault is Fault.UNKNOWN:
        return len(_FIRST) + 3
    return len(_FIRST) + (fault in TRANSIENT) + (fault in CAN_RUN_AGAIN)


_FIRST = (Fault.OUTCOME_UNKNOWN, Fault.PARTLY_COMMITTED, Fault.COMMITTED, Fault.PROGRAMMING)
