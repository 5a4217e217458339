"""The knobs of a pool, checked once."""

import math
import random
from dataclasses import dataclass

from wellhead.errors import SettingsError


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolPolicy:
    """What a pool may do and how long it waits; all times in seconds.

    Attributes:
        pool_size: Free connections that are kept; 0 for no limit.
        max_overflow: Connections opened beyond ``pool_size`` while callers need them; -1 for no
            limit.
        timeout: What a caller waits for a connection, its set-up included.
        max_waiting: Callers that may queue while every connection is in use; None for no limit.
        min_idle: Connections kept open while none is used.
        idle_timeout: Idleness after which a connection beyond ``min_idle`` is closed; None for
            never.
        recycle: Age at which a connection is closed when it is taken or comes back; -1 for never.
        lifetime_jitter: The share of ``recycle`` by which each connection's age limit is shortened
            at random, at the most.
        check_after_idle: Idleness after which a connection is pinged before it is handed out;
            None for never.
        connect_timeout: What opening one connection may take.
        leak_threshold: How long a connection may be held before a warning names its holder; None
            for no warning.
        use_lifo: Whether the connection that came back last is taken first.

    Raises:
        SettingsError: A value outside its range.
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
        for name, value, low, high in (
            ("pool_size", self.pool_size, 0, math.inf),
            ("max_overflow", self.max_overflow, -1, math.inf),
            ("timeout", self.timeout, 0, math.inf),
            ("max_waiting", self.max_waiting, 0, math.inf),
            ("min_idle", self.min_idle, 0, self.pool_size or math.inf),
            ("idle_timeout", self.idle_timeout, 0, math.inf),
            ("recycle", self.recycle, -1, math.inf),
            ("lifetime_jitter", self.lifetime_jitter, 0, 1),
            ("check_after_idle", self.check_after_idle, 0, math.inf),
            ("connect_timeout", self.connect_timeout, 0, math.inf),
            ("leak_threshold", self.leak_threshold, 0, math.inf),
        ):
            if value is not None and not low <= value <= high:
                raise SettingsError(
                    f"{name} of the pool is {value!r}; it takes a number from {low} to {high}."
                )

    @property
    def limit(self) -> float:
        """The most connections at any instant, those being opened included."""
        if self.pool_size == 0 or self.max_overflow < 0:
            return math.inf
        return self.pool_size + self.max_overflow

    @property
    def kept(self) -> float:
        """The most free connections; one more that comes back is closed."""
        return self.pool_size or math.inf

    def lifetime(self) -> float:
        """How old the next connection may get; infinite where age does not matter."""
        if self.recycle < 0:
            return math.inf
        # So that connections that were opened together do not have to be replaced together.
        return self.recycle * (1 - self.lifetime_jitter * random.random())  # noqa: S311 - no secret
