"""What a piece of work changed in each database, and what became of it."""

from dataclasses import dataclass, field

# Bits of one figure for each database: a set for each of them would be four objects a request.
_PENDING, _COMMITTED, _GIVEN_UP, _UNSURE = 1, 2, 4, 8


@dataclass(slots=True, eq=False)
class Changes:
    """What was changed, by database: each is known by a key of its own.

    Attributes:
        around: Those of the work around this; each change counts there, too.
        states: The bits of each.
    """

    around: "Changes | None" = None
    states: dict[object, int] = field(default_factory=dict)

    @property
    def pending(self) -> set[object]:
        """Where a statement ran that is not proved to read only, and no COMMIT was sent since."""
        return self._all_that_are(_PENDING)

    @property
    def committed(self) -> set[object]:
        """Where such changes are committed."""
        return self._all_that_are(_COMMITTED)

    @property
    def given_up(self) -> set[object]:
        """Where a transaction has failed or was rolled back, and none was committed since."""
        return self._all_that_are(_GIVEN_UP)

    @property
    def unsure(self) -> set[object]:
        """Where a COMMIT was sent and not answered."""
        return self._all_that_are(_UNSURE)

    @property
    def are_divided(self) -> bool:
        """Whether those in one database are committed, and those in another are not."""
        return any(one is not other for one in self.committed for other in self.given_up)

    def begin(self, database: object) -> None:
        """Note a statement that is not proved to read only."""
        self._change(database, add=_PENDING)

    def commit(self, database: object) -> None:
        """Note a COMMIT that succeeded; one of a transaction that only read changes nothing."""
        scope: Changes | None = self
        while scope is not None:
            state = scope.states.get(database, 0)
            if state & _PENDING:
                scope.states[database] = state & ~(_PENDING | _GIVEN_UP) | _COMMITTED
            scope = scope.around

    def give_up(self, database: object) -> None:
        """Note a transaction that has failed, or was rolled back."""
        self._change(database, add=_GIVEN_UP, take=_PENDING)

    def doubt(self, database: object) -> None:
        """Note a COMMIT that was sent and not answered."""
        self._change(database, add=_UNSURE, take=_PENDING)

    def settle(self) -> None:
        """Doubt no more: the work was done again, and that is known."""
        for database in self.unsure:
            self._change(database, take=_UNSURE)

    def _change(self, database: object, *, add: int = 0, take: int = 0) -> None:
        scope: Changes | None = self
        while scope is not None:
            scope.states[database] = scope.states.get(database, 0) & ~take | add
            scope = scope.around

    def _all_that_are(self, state: int) -> set[object]:
        return {database for database, held in self.states.items() if held & state}
