"""The settings of the pool, and the presets of its sizes."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from wellhead.settings.checked import CheckedSettings, Contradiction

PoolMode = Literal["pool", "none"]
Profile = Literal["development", "small", "large", "serverless"]

PROFILES: Mapping[Profile, Mapping[str, object]] = {
    "development": {"pool_size": 5, "max_overflow": 10},
    "small": {"pool_size": 10, "max_overflow": 20},
    "large": {"pool_size": 20, "max_overflow": 40, "pool_recycle": 1800.0},
    "serverless": {"pool_size": 5, "max_overflow": 15, "pool_recycle": 600.0},
}
"""What each profile sets if nothing else does; the rest keeps its default."""


def _word(value: object) -> object:
    # The sources have parsed the word none as an absent value.
    return "none" if value is None else value


class PoolSettings(CheckedSettings):
    """How many connections, for how long, and how many callers wait for them."""

    profile: Profile | None = None
    """A preset of pool sizes; any value that is set explicitly overrides it."""

    pool_mode: Annotated[PoolMode, BeforeValidator(_word)] = "pool"
    """``pool`` keeps connections, also behind a pooler; ``none`` opens one for each use."""

    pool_size: Annotated[int, Field(ge=1, le=1000)] = 10
    """Connections kept open."""

    max_overflow: Annotated[int, Field(ge=0, le=1000)] = 20
    """Connections opened beyond ``pool_size`` under load, and closed when they are returned."""

    pool_timeout: Annotated[float, Field(ge=0.1, le=600)] = 30.0
    """Seconds a caller waits for a connection, including the set-up of a new one."""

    pool_recycle: Annotated[float, Field(ge=-1, le=86400)] = 3600.0
    """Seconds after which a connection is closed, when idle or returned; -1 for never."""

    pool_lifetime_jitter: Annotated[float, Field(ge=0, le=1)] = 0.1
    """The largest share of ``pool_recycle`` by which lifetimes are randomly shortened."""

    pool_idle_timeout: Annotated[float, Field(ge=1, le=86400)] | None = 600.0
    """Seconds after which an idle connection beyond ``pool_min_idle`` is closed; none for never."""

    pool_min_idle: Annotated[int, Field(ge=0, le=1000)] = 0
    """Connections kept open even when unused, and replaced when lost; must not exceed
    ``pool_size``; no effect if the database may sleep."""

    pool_max_waiting: Annotated[int, Field(ge=0, le=100000)] | None = 100
    """Callers that may queue while every connection is in use; none for no limit."""

    pool_use_lifo: bool = True
    """Whether the most recently returned connection is used first, so that the others age out."""

    pool_pre_ping: bool = True
    """Whether an idle connection is pinged before it is handed out."""

    pool_check_after_idle: Annotated[float, Field(ge=0, le=3600)] = 30.0
    """Seconds a connection must have been idle before ``pool_pre_ping`` pings it."""

    pool_leak_threshold: Annotated[float, Field(ge=0.1, le=86400)] | None = 60.0
    """Seconds a connection may be held before a warning names its holder; none for no warning."""

    pool_processes: Annotated[int, Field(ge=1, le=10000)] = 1
    """Processes with a pool like this one, to warn if the server cannot serve them all."""

    pool_budget: Annotated[int, Field(ge=1, le=1000000)] | None = None
    """Connections that there are for all these processes together; none for what the server has.

    Behind a pooler only this says how many clients it takes."""

    @model_validator(mode="before")
    @classmethod
    def _fill_in_profile(cls, given: dict[str, Any]) -> dict[str, Any]:
        # These values come from all sources, so the profile ranks below every one of them.
        values = [values for name, values in PROFILES.items() if name == given.get("profile")]
        return {**values[0], **given} if values else given

    @model_validator(mode="after")
    def _sizes_fit(self) -> Self:
        if self.pool_min_idle > self.pool_size:
            raise Contradiction(
                f"{{pool_min_idle}} ({self.pool_min_idle}) must not exceed "
                f"{{pool_size}} ({self.pool_size})."
            )
        if 0 <= self.pool_recycle < 1:
            raise Contradiction("{pool_recycle} must be -1 (never) or from 1 to 86400.")
        return self
