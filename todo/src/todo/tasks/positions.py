"""The manual order of a user's tasks: each has a position, and moving one writes only that one.

A position is the digits of a number between 0 and 1 behind its point, without zeros at the end. So
texts compare as numbers do, in the database as in any client, and between two positions there is
always another one. A new task gets the time, and comes last without anybody looking for the last.
"""

from datetime import UTC, datetime, timedelta
from uuid import UUID

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def position_at(moment: datetime, task_id: UUID) -> str:
    """The position of a task that is created at this time.

    Args:
        moment: Its microseconds since 1970 are the first 16 digits; those of 2286 no longer fit.
        task_id: Its last digits tell tasks of the same microsecond apart.
    """
    microseconds = max(0, (moment - _EPOCH) // timedelta(microseconds=1))
    return f"{microseconds:016d}{task_id.int % 10_000:04d}5"
