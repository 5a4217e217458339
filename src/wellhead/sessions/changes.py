"""What a piece of work changed in each database, and what became of it."""

from dataclasses import dataclass, field


@dataclass(slots=True, eq=False)
class Changes:
    """What was changed, by database: each is known by a key of its own.

    Attributes:
        around: Those of the work around this; each change counts there, too.
        pending: The databases in which a statement ran that is not proved to read only, and no
            COMMIT has been sent since.
        committed: Those in which such changes are committed.
        given_up: Those in which a transaction has failed or was rolled back, and none was
            committed since.
        unsure: Those in which a COMMIT was sent and not answered.
    """

    around: "Changes | None" = None
    pending: set[object] = field(default_factory=set)
    committed: set[object] = field(default_factory=set)
    given_up: set[object] = field(default_factory=set)
    unsure: set[object] = field(default_factory=set)

    @property
    def are_divided(self) -> bool:
        """Whether those in one database are committed, and those in another are not."""
        return any(one is not other for one in self.committed for other in self.given_up)

    def begin(self, database: object) -> None:
        """Note a statement that is not proved to read only."""
        scope: Changes | None = self
        while scope is not None:
            scope.pending.add(database)
            scope = scope.around

    def commit(self, database: object) -> None:
        """Note a COMMIT that succeeded; one of a transaction that only read changes nothing."""
        scope: Changes | None = self
        while scope is not None:
            if database in scope.pending:
                scope.pending.discard(database)
                scope.committed.add(database)
                scope.given_up.discard(database)
            scope = scope.around

    def give_up(self, database: object) -> None:
        """Note a transaction that has failed, or was rolled back."""
        scope: Changes | None = self
        while scope is not None:
            scope.pending.discard(database)
            scope.given_up.add(database)
            scope = scope.around

    def doubt(self, database: object) -> None:
        """Note a COMMIT that was sent and not answered."""
        scope: Changes | None = self
        while scope is not None:
            scope.pending.discard(database)
            scope.unsure.add(database)
            scope = scope.around

    def settle(self) -> None:
        """Doubt no more: the work was done again, and that is known."""
        settled = set(self.unsure)
        scope: Changes | None = self
        while scope is not None:
            scope.unsure -= settled
            scope = scope.around
