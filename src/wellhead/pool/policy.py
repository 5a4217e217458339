"""The settings of a pool, checked once."""

import math
import random
import sys
from dataclasses import dataclass
from typing import Any

from wellhead.errors import SettingsError


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolPolicy:
    """What a pool may do and how long it waits; all times in seconds.

    Attributes:
        pool_size: Idle connections to keep; 0 for no limit.
        max_overflow: Connections opened beyond ``pool_size`` while callers need them; -1 for no
            limit.
        timeout: How long a caller waits for a connection, including set-up; more than 0.
        max_waiting: Callers that may queue while every connection is in use; None for no limit.
        min_idle: Connections kept open even when unused: opened after the first one, replaced when
            they are lost or get too old. Use 0 for a database that goes to sleep when unused, as
            they would keep it awake.
        idle_timeout: Idle time after which a connection beyond ``min_idle`` is closed; None for
            never.
        recycle: Age at which a connection is closed, when idle or returned; 0 to use each once,
            -1 for never.
        lifetime_jitter: The largest share of ``recycle`` by which each connection's age limit is
            randomly shortened.
        check_after_idle: Idle time after which a connection is pinged before it is handed out;
            None for never.
        connect_timeout: How long opening one connection may take; more than 0.
        leak_threshold: How long a connection may be held before a warning names its holder; None
            for no warning.
        use_lifo: Whether the most recently returned connection is used first.

    Raises:
        SettingsError: A value outside its range, or of another type; infinity is not accepted.
    """

    pool_size: int = 5
    max_overflow: int = 10
    timeout: float = 30.0
    max_waiting: int | None = None
    min_idle: int = 0
    idle_timeout: float | None = 600.0
    recycle: float = -1.0
    lifetime_jitter: float = 0.1
    check_after_idle: float | None = 30.0
    connect_timeout: float = 10.0
    leak_threshold: float | None = 60.0
    use_lifo: bool = True

    def __post_init__(self) -> None:
        for name, low, high in (
            ("pool_size", 0, None),
            ("max_overflow", -1, None),
            ("max_waiting", 0, None),
            ("min_idle", 0, None),
        ):
            self._check(name, int, low, high)
        for name, low, high in (
            ("timeout", 0, None),
            ("idle_timeout", 0, None),
            ("recycle", -1, None),
            ("lifetime_jitter", 0, 1),
            ("check_after_idle", 0, None),
            ("connect_timeout", 0, None),
            ("leak_threshold", 0, None),
        ):
            self._check(name, int | float, low, high)
        check_switch("use_lifo", self.use_lifo)
        self._check_together()

    def _check(self, name: str, kind: Any, low: float, high: float | None) -> None:
        value = getattr(self, name)
        if value is None and name in _OPTIONAL:
            return
        fits = isinstance(value, kind) and not isinstance(value, bool)
        # Infinity is not a number of seconds, and every comparison with a NaN is false.
        if not fits or not low <= value <= (sys.float_info.max if high is None else high):
            takes = f"a number {'above' if name in _TIMES_TO_CONNECT else 'from'} {low}"
            takes += "" if high is None else f" to {high}"
            takes += ", a whole one" if kind is int else ""
            takes += ", or None" if name in _OPTIONAL else ""
            raise SettingsError(f"{name} of the pool is {value!r}; it must be {takes}.")

    def _check_together(self) -> None:
        for name in _TIMES_TO_CONNECT:
            if getattr(self, name) == 0:
                raise SettingsError(
                    f"{name} of the pool is 0, in which no connection can be made; it must be a "
                    "number above 0. To refuse callers at once while all connections are in use, "
                    "set max_waiting=0."
                )
        if -1 < self.recycle < 0:
            raise SettingsError(
                f"recycle of the pool is {self.recycle!r}; it must be a number from 0, or -1 for "
                "never."
            )
        if self.pool_size and self.min_idle > self.pool_size:
            raise SettingsError(
                f"min_idle of the pool is {self.min_idle!r}; it must be a number from 0 to its "
                f"pool_size, {self.pool_size!r}."
            )

    @property
    def limit(self) -> float:
        """The most connections at any instant, including those being opened."""
        if self.pool_size == 0 or self.max_overflow < 0:
            return math.inf
        return self.pool_size + self.max_overflow

    @property
    def kept(self) -> float:
        """The most idle connections; any more are closed when they are returned."""
        return self.pool_size or math.inf

    def lifetime(self) -> float:
        """The age limit for the next connection; infinite if age does not matter."""
        if self.recycle < 0:
            return math.inf
        # So that connections opened together do not have to be replaced together.
        return self.recycle * (1 - self.lifetime_jitter * random.random())  # noqa: S311 - not a secret


_TIMES_TO_CONNECT = ("timeout", "connect_timeout")

# Without a value there is no limit.
_OPTIONAL = frozenset({"max_waiting", "idle_timeout", "check_after_idle", "leak_threshold"})


def check_switch(name: str, value: object) -> None:
    """Refuse a value that is neither True nor False.

    Raises:
        SettingsError: It is neither.
    """
    if not isinstance(value, bool):
        raise SettingsError(f"{name} of the pool is {value!r}; it must be True or False.")


def check_name(name: object) -> None:
    """Refuse a name that is not text.

    Raises:
        SettingsError: It is not text.
    """
    if not isinstance(name, str):
        raise SettingsError(f"name of the pool is {name!r}; it must be text.")


def wait_of(timeout: float) -> float:
    """The seconds that a caller wants to wait, if that is a valid time.

    Raises:
        SettingsError: It is not.
    """
    if isinstance(timeout, bool) or not isinstance(timeout, int | float):
        raise SettingsError(f"timeout is {timeout!r}; it must be a number of seconds.")
    if not 0 <= timeout < math.inf:
        raise SettingsError(f"timeout is {timeout!r}; it must be a finite number from 0.")
    return timeout
