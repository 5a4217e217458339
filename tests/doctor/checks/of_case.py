"""A case whose settings are known, for checks that look at nothing else."""

from contextlib import AsyncExitStack
from typing import Any

from wellhead import DatabaseSettings
from wellhead.connecting import Connector
from wellhead.doctor.case import Case, Wishes


def case_with(
    url: str = "postgresql://u:p@h/d", *, wishes: Wishes | None = None, **values: Any
) -> Case:
    """A case with these settings; nothing is connected."""
    case = Case(wishes or Wishes(), lambda _: None, AsyncExitStack())
    case.connector = Connector(DatabaseSettings(url=url, **values))
    return case


def lines_of(case: Case) -> dict[str, str]:
    """The recommended lines."""
    return {line.name: line.value for line in case.env}
