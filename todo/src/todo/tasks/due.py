"""Due dates: a time, the same for everybody, or a day, which is another time in each zone.

A day is stored as its midnight in UTC, so that both have one order and one index. A limit of due
dates is therefore two limits, one for times and one for days, less than two days apart: the
index is read up to the wider one, and the few rows in between are checked.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, tzinfo

from sqlalchemy import ColumnElement, and_, bindparam, case, literal_column
from sqlmodel import col

from todo.models import TIMESTAMP
from todo.tasks.models import Task
from todo.tasks.sorting import no_due_date_last


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit of due dates.

    Attributes:
        moment: That of the times.
        day: That of the days, as they are stored.
    """

    moment: datetime
    day: datetime

    @classmethod
    def at(cls, value: date, zone: tzinfo) -> "Limit":
        """The limit where a day of a zone begins; or at a time, on the day of its own zone."""
        if isinstance(value, datetime):
            return cls(value, stored_day(value.date()))
        return cls(datetime.combine(value, time(), zone).astimezone(UTC), stored_day(value))

    def first(self, name: str) -> dict[str, datetime]:
        """The values for `is_due_from`."""
        return self._values(name, min(self.moment, self.day))

    def end(self, name: str) -> dict[str, datetime]:
        """The values for `is_due_before`."""
        return self._values(name, max(self.moment, self.day))

    def _values(self, name: str, wider: datetime) -> dict[str, datetime]:
        return {f"{name}_moment": self.moment, f"{name}_day": self.day, f"{name}_wider": wider}


def stored_day(day: date) -> datetime:
    """How a day is stored."""
    return datetime.combine(day, time(), UTC)


def is_due_from(name: str) -> ColumnElement[bool]:
    """Whether a task is due at the limit of this name or later."""
    due = no_due_date_last(col(Task.due_date))
    return and_(
        due >= _bound(f"{name}_wider"), due >= _limit(name), col(Task.due_date).is_not(None)
    )


def is_due_before(name: str) -> ColumnElement[bool]:
    """Whether a task is due before the limit of this name."""
    due = no_due_date_last(col(Task.due_date))
    return and_(due < _bound(f"{name}_wider"), due < _limit(name))


def has_due_date() -> ColumnElement[bool]:
    """Whether a task has a due date."""
    return no_due_date_last(col(Task.due_date)) < literal_column("'infinity'::timestamptz")


def _limit(name: str) -> ColumnElement[datetime]:
    return case((col(Task.is_all_day), _bound(f"{name}_day")), else_=_bound(f"{name}_moment"))


def _bound(name: str) -> ColumnElement[datetime]:
    return bindparam(name, type_=TIMESTAMP)
