"""Runs that were never played, for what is made of them."""

from bench.speed.play import Slot
from bench.speed.result import Result

CLEAN = 0.0


def slot(
    peer: str,
    number: int,
    *,
    setting: str = "base",
    operation: str = "read",
    rate: float = 100.0,
    steal: float = CLEAN,
    others: float = CLEAN,
    errors: int = 0,
    unanswered: int = 0,
) -> Slot:
    """A slot in which everything follows from the rate."""
    return Slot(
        setting=setting,
        operation=operation,
        peer=peer,
        round=number,
        requests=round(rate),
        errors=errors,
        unanswered=unanswered,
        rate=rate,
        p50=1000 / rate,
        p99=5000 / rate,
        cpu=1000 / rate,
        server_busy=0.98,
        load_busy=0.2,
        steal=steal,
        others=others,
    )


def result(*slots: Slot, rounds: int = 1, quick: bool = False) -> Result:
    """A run with these slots."""
    return Result(
        conditions={
            "measured": "2026-11-29T17:30:00Z",
            "commit": "0123abc",
            "machine": "x86_64",
            "python": "3.12.1",
            "postgres": "17.10",
            "cores": 2,
            "versions": {"fastapi": "0.165.0"},
            "rounds": rounds,
            "seconds": 1.0,
            "pool_size": 8,
            "quick": quick,
            "planned": [["base", "read"]],
        },
        peers={"fastapi_asyncpg": "FastAPI + asyncpg", "usual_way": "the usual way"},
        slots=list(slots),
    )
