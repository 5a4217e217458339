"""What a caller asks of a run of migrations, and what the run tells of each."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from wellhead.connecting import Source

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.runtime.migration import MigrationStep

ATTRIBUTE: Final = "wellhead"
"""Where a request is among the attributes of Alembic's configuration."""


@dataclass(frozen=True, slots=True)
class Applied:
    """One migration that was applied, or taken back.

    Attributes:
        revision: Its identifier.
        title: The first line of its docstring.
        is_upgrade: Whether it was applied, rather than taken back.
        seconds: How long it took, with the waits for tables that were in use.
    """

    revision: str
    title: str
    is_upgrade: bool
    seconds: float

    def __str__(self) -> str:
        word = "applied" if self.is_upgrade else "took back"
        title = f" ({self.title})" if self.title else ""
        return f"{word} {self.revision}{title} in {self.seconds:.2f} s"


def revision_of(step: "MigrationStep") -> str:
    """The identifier of the migration that a step applies or takes back."""
    return ", ".join(step.to_revisions_no_deps if step.is_upgrade else step.from_revisions_no_deps)


Report = Callable[[Applied], None]


@dataclass(frozen=True, slots=True)
class Request:
    """What Wellhead tells ``env.py`` through Alembic's configuration.

    Attributes:
        source: How to connect; None leaves that to ``env.py``.
        report: Told of each migration once it is committed.
        named_database: The database that may be destroyed although it is not local.
    """

    source: Source | None
    report: Report
    named_database: str | None = None

    @classmethod
    def of(cls, config: "Config") -> Self:
        """What was sent along; where Alembic was called by itself, what its options say."""
        sent = config.attributes.get(ATTRIBUTE)
        if isinstance(sent, cls):
            return sent
        options = getattr(config.cmd_opts, "x", None) or ()
        named = [item.partition("=")[2] for item in options if item.startswith("database=")]
        return cls(
            source=None,
            report=lambda applied: config.print_stdout(str(applied)),
            named_database=named[-1] if named else None,
        )
