"""The hosts of a URL that names several: which one is tried next, and for how long.

The drivers can do that, too. But asyncpg's time limit covers all hosts together, so that one host
that is silent uses up the time of the others; psycopg waits for each host as long as for all; and
both begin each time with a host that has just failed.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator, Sequence
from time import monotonic
from typing import Any, Final

from wellhead.errors import Fault
from wellhead.errors.recognition import fault_of, most_telling
from wellhead.url import PostgresURL
from wellhead.url.hosts import Host
from wellhead.url.parameters import SessionAttrs

AVOIDED_FOR: Final = 30.0
"""Seconds for which a host that gave no connection is tried after the others."""


class SeveralHosts:
    """Connects to the first host that responds and has the wanted attributes.

    Args:
        url: What names them.
    """

    def __init__(self, url: PostgresURL) -> None:
        self._hosts = url.hosts
        wanted = url.parameters.target_session_attrs or "any"
        # Any server is better than none, but only once no standby was found.
        prefers = wanted == "prefer-standby"
        self._rounds: Sequence[SessionAttrs] = ("standby", "any") if prefers else (wanted,)
        self._is_random = url.parameters.load_balance_hosts == "random"
        self._failed_at: dict[Host, float] = {}

    async def connect(
        self,
        connect: Callable[..., Awaitable[Any]],
        *args: Any,
        deadline: float,
        **arguments: Any,
    ) -> Any:
        """Connect to one of them; the time that is left is divided equally among the hosts left.

        Args:
            connect: The driver's function.
            args: Its arguments by position.
            deadline: When the time is up, by the loop's clock.
            arguments: Its arguments by name.

        Raises:
            Exception: The most telling of the drivers' exceptions.
        """
        clock = asyncio.get_running_loop().time
        failures: list[Exception] = []
        for host, attrs, left in self._attempts(failures):
            share = (deadline - clock()) / left
            place = {"host": host.name, "port": host.port, "target_session_attrs": attrs}
            try:
                # The caller's own limit ends the last attempt.
                async with asyncio.timeout(share if left > 1 else None):
                    connection = await connect(*args, **{**arguments, **place})
            except Exception as error:  # noqa: BLE001 - the next host may do
                failures.append(error)
                self._failed_at[host] = monotonic()
            else:
                self._failed_at.pop(host, None)
                return connection
        raise most_telling(failures)

    def _attempts(self, failures: list[Exception]) -> Iterator[tuple[Host, SessionAttrs, int]]:
        """Each host to try, the attributes to ask for, and how many attempts are left."""
        hosts = self._in_order()
        for attrs in self._rounds:
            is_last_round = attrs == self._rounds[-1]
            responding = []
            for place, host in enumerate(hosts):
                before = len(failures)
                yield host, attrs, len(hosts) - place + (not is_last_round)
                if len(failures) > before and fault_of(failures[-1]) is Fault.STARTING:
                    responding.append(host)
            hosts = responding

    def _in_order(self) -> list[Host]:
        """As they are listed, but those that failed a moment ago come last."""
        hosts = list(self._hosts)
        if self._is_random:
            random.shuffle(hosts)
        since = monotonic() - AVOIDED_FOR
        failed_at = {host: when for host, when in self._failed_at.items() if when > since}
        return sorted(hosts, key=lambda host: failed_at.get(host, 0.0))
