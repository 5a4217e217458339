"""What a piece of work changed in each database, and the outcome."""

from dataclasses import dataclass, field

# Bits of one integer per database: a set for each state would be four objects per request.
_PENDING, _COMMITTED, _GIVEN_UP, _UNSURE = 1, 2, 4, 8


@dataclass(slots=True, eq=False)
class Changes:
    """What was changed, per database; each database has a key.

    Attributes:
        around: The changes of the surrounding work; each change counts there, too.
        states: The bits of each database.
    """

    around: "Changes | None" = None
    states: dict[object, int] = field(default_factory=dict)

    @property
    def pending(self) -> set[object]:
        """Databases with a statement not proved to be read-only, and no COMMIT sent since."""
        return self._all_that_are(_PENDING)

    @property
    def committed(self) -> set[object]:
        """Databases in which such changes are committed."""
        return self._all_that_are(_COMMITTED)

    @property
    def given_up(self) -> set[object]:
        """Databases whose transaction failed or was rolled back, with none committed since."""
        return self._all_that_are(_GIVEN_UP)

    @property
    def unsure(self) -> set[object]:
        """Databases in which a COMMIT was sent and got no reply."""
        return self._all_that_are(_UNSURE)

    @property
    def are_divided(self) -> bool:
        """Whether the changes in one database are committed, and those in another are not."""
        return any(one is not other for one in self.committed for other in self.given_up)

    def begin(self, database: object) -> None:
        """Note a statement that is not proved to be read-only."""
        self._change(database, add=_PENDING)

    def commit(self, database: object) -> None:
        """Note a successful COMMIT; one of a transaction that only read changes nothing."""
        scope: Changes | None = self
        while scope is not None:
            state = scope.states.get(database, 0)
            if state & _PENDING:
                scope.states[database] = state & ~(_PENDING | _GIVEN_UP) | _COMMITTED
            scope = scope.around

    def give_up(self, database: object) -> None:
        """Note a transaction that failed or was rolled back."""
        self._change(database, add=_GIVEN_UP, take=_PENDING)

    def doubt(self, database: object) -> None:
        """Note a COMMIT that was sent and got no reply."""
        self._change(database, add=_UNSURE, take=_PENDING)

    def settle(self) -> None:
        """Clear the doubts: the work was repeated, with a known outcome."""
        for database in self.unsure:
            self._change(database, take=_UNSURE)

    def _change(self, database: object, *, add: int = 0, take: int = 0) -> None:
        scope: Changes | None = self
        while scope is not None:
            scope.states[database] = scope.states.get(database, 0) & ~take | add
            scope = scope.around

    def _all_that_are(self, state: int) -> set[object]:
        return {database for database, held in self.states.items() if held & state}
