"""What servers say in their logs: which writes they took, and when they were elected.

A log is not replicated, so that it also tells of writes that are gone with a former primary.
"""

import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from bench.faults.console import DATABASE, Console
from bench.fleet.faults.histories import completion
from bench.fleet.history import Promotion

_FUNCTION = f"""
    CREATE OR REPLACE FUNCTION say_what_is_taken() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE LOG 'taken in %: %', TG_TABLE_NAME, CASE
            WHEN TG_OP = 'INSERT' THEN NEW.title
            WHEN NEW.description IS DISTINCT FROM OLD.description THEN NEW.description
            ELSE format('{completion("%s")}', NEW.title)
        END;
        RETURN NULL;
    END $$
"""
_TRIGGER = """
    CREATE OR REPLACE TRIGGER say_what_is_taken AFTER INSERT OR UPDATE ON {table}
    FOR EACH ROW EXECUTE FUNCTION say_what_is_taken()
"""
_LINE = re.compile(
    r"^(?P<at>\d+\.\d+) LOG:  "
    r"(?:taken in (?P<table>\w+): (?P<key>.+)|selected new timeline ID: .+)$",
    re.MULTILINE,
)


async def let_them_say(console: Console, table: str) -> None:
    """Let every server say which writes to a table it takes.

    Args:
        console: The primary.
        table: Of an application.
    """
    await console.ask(_FUNCTION, database=DATABASE)
    await console.ask(_TRIGGER.format(table=table), database=DATABASE)


class ServerLogs:
    """What servers say from now on.

    Args:
        logs: The log of each server, by its name.
        primary: The name of the server that takes writes now.
    """

    def __init__(self, logs: Mapping[str, Path], *, primary: str) -> None:
        self._logs = logs
        self._begins = {server: log.stat().st_size for server, log in logs.items()}
        self._first = Promotion(primary, time.monotonic())

    def promotions(self) -> list[Promotion]:
        """The first primary, and those elected since, on the clock of `time.monotonic`."""
        elected = [
            Promotion(server, _on_our_clock(line["at"]))
            for server, line in self._lines()
            if line["key"] is None
        ]
        return sorted([self._first, *elected], key=lambda each: each.at)

    def takers(self, table: str) -> dict[str, str]:
        """For each write to a table, as `histories` names it, the last server that took it."""
        taken = [
            (float(line["at"]), line["key"], server)
            for server, line in self._lines()
            if line["table"] == table
        ]
        return {key: server for _, key, server in sorted(taken)}

    def _lines(self) -> Iterator[tuple[str, re.Match[str]]]:
        for server, log in self._logs.items():
            said = log.read_bytes()[self._begins[server] :].decode(errors="replace")
            for line in _LINE.finditer(said):
                yield server, line


def _on_our_clock(epoch: str) -> float:
    return float(epoch) - time.time() + time.monotonic()
