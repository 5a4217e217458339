"""The figures of several processes as those of one."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from wellhead.pool import Timing
from wellhead.pool.stats import BOUNDS
from wellhead.telemetry.lookout import MOST_HOLDERS

MOST_STATEMENTS = 20
"""Shapes that are shown, those with the most time in all."""

_ADDED_UP = ("active", "idle", "opening", "waiting", "acquired", "timeouts", "saturated")

Told = Mapping[str, Any]


def merged(told: Sequence[Mapping[str, Told]]) -> list[dict[str, Any]]:
    """The databases with the figures of all processes.

    Args:
        told: What each process knows, by database; the asking process first.
    """
    return [
        {"name": name, **_merged([each[name] for each in told if name in each])} for name in told[0]
    ]


def _merged(told: Sequence[Told]) -> dict[str, Any]:
    errors: Counter[str] = Counter()
    for each in told:
        errors.update(each["errors"])
    return {
        "pool": _pool([each["pool"] for each in told]),
        "wait": _quantiles([each["wait"] for each in told]),
        "hold": _quantiles([each["hold"] for each in told]),
        "holders": sorted(
            (holder for each in told for holder in each["holders"]),
            key=lambda holder: -holder["seconds"],
        )[:MOST_HOLDERS],
        "statements": _statements([each["statements"] for each in told]),
        "errors": dict(errors),
        "retries": sum(each["retries"] for each in told),
        "unknown_outcomes": sum(each["unknown_outcomes"] for each in told),
        "readiness": min((each["readiness"] for each in told), key=_is_worse),
        "migrations": _migrations([each["migrations"] for each in told]),
    }


def _pool(told: Sequence[Told]) -> dict[str, Any]:
    limits = [each["limit"] for each in told]
    added = {name: sum(each[name] for each in told) for name in _ADDED_UP}
    return {**told[0], **added, "limit": None if None in limits else sum(limits)}


def _quantiles(told: Sequence[Sequence[int]]) -> dict[str, float | None]:
    buckets = tuple(map(sum, zip(*told, strict=True)))
    count = sum(buckets)
    if not count:
        return {"p50": None, "p99": None}
    timing = Timing(count, longest=BOUNDS[-1], buckets=buckets)
    return {"p50": timing.p50, "p99": timing.p99}


def _statements(told: Sequence[Mapping[str, Told]]) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for each in told:
        for digest, seen in each.items():
            known = found.setdefault(
                digest,
                {"id": digest, "shape": seen["shape"], "count": 0, "seconds": 0.0, "slowest": 0.0},
            )
            known["count"] += seen["count"]
            known["seconds"] += seen["seconds"]
            known["slowest"] = max(known["slowest"], seen["slowest"])
    shown = sorted(found.values(), key=lambda each: -each["seconds"])[:MOST_STATEMENTS]
    return [{**each, "mean": each["seconds"] / each["count"]} for each in shown]


def _is_worse(readiness: Told) -> tuple[bool, float]:
    age = readiness["age"]
    return readiness["is_ready"], float("inf") if age is None else age


def _migrations(told: Sequence[Told | None]) -> Told | None:
    known = [each for each in told if each is not None]
    return min(known, key=lambda each: each["is_current"], default=None)
