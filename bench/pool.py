"""The pool next to its peers, in one run: SQLAlchemy's, psycopg's and asyncpg's own.

Run it with ``make bench-pool``. It starts a PostgreSQL of its own. Times on a shared machine mean
little by themselves: variants take turns, and what counts is the median of the ratios in each turn.
"""

import argparse
import asyncio
import datetime as dt
import gc
import os
import platform
import statistics
import tempfile
import time
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import psycopg_pool
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from bench.page import write
from wellhead import AsyncPool, DriverPool, PoolPolicy
from wellhead.embedded import EmbeddedPostgres
from wellhead.testing.proxy import TCPProxy

SIZE, TIMEOUT, CONNECT_TIMEOUT = 5, 8.0, 10.0
TURNS, CYCLES = 60, 500

Borrow = Callable[[], AbstractAsyncContextManager[Any]]
Open = Callable[[str, int, float], AbstractAsyncContextManager[Borrow]]


@asynccontextmanager
async def native(
    url: str, size: int = SIZE, connect_timeout: float = CONNECT_TIMEOUT
) -> AsyncIterator[Borrow]:
    """Ours, lending asyncpg's connections."""
    policy = PoolPolicy(
        pool_size=size, max_overflow=0, timeout=TIMEOUT, connect_timeout=connect_timeout
    )
    async with DriverPool(lambda: asyncpg.connect(url), policy, reset=False) as pool:
        yield pool.acquire


@asynccontextmanager
async def sqlalchemy(
    url: str, poolclass: Any, size: int, driver_timeout: float, **knobs: Any
) -> AsyncIterator[Borrow]:
    """An engine of SQLAlchemy with a pool of some class."""
    engine = create_async_engine(
        url.replace("postgresql://", "postgresql+asyncpg://"),
        poolclass=poolclass,
        connect_args={"timeout": driver_timeout},
        pool_size=size,
        max_overflow=0,
        pool_timeout=TIMEOUT,
        **knobs,
    )
    yield engine.connect
    await engine.dispose()


def ours(
    url: str, size: int = SIZE, connect_timeout: float = CONNECT_TIMEOUT
) -> AbstractAsyncContextManager[Borrow]:
    """Ours, below SQLAlchemy."""
    return sqlalchemy(url, AsyncPool, size, connect_timeout, connect_timeout=connect_timeout)


def ours_naming_leaks(
    url: str, size: int = SIZE, connect_timeout: float = CONNECT_TIMEOUT
) -> AbstractAsyncContextManager[Borrow]:
    """Ours, as `wellhead.Database` sets it up: it remembers who holds a connection."""
    knobs = {"connect_timeout": connect_timeout, "leak_threshold": 60.0}
    return sqlalchemy(url, AsyncPool, size, connect_timeout, **knobs)


def theirs(
    url: str, size: int = SIZE, connect_timeout: float = CONNECT_TIMEOUT
) -> AbstractAsyncContextManager[Borrow]:
    """SQLAlchemy's own."""
    return sqlalchemy(url, AsyncAdaptedQueuePool, size, connect_timeout)


@asynccontextmanager
async def psycopgs(
    url: str, size: int = SIZE, connect_timeout: float = CONNECT_TIMEOUT
) -> AsyncIterator[Borrow]:
    """Psycopg's; it takes whole seconds to connect, two at the least."""
    async with psycopg_pool.AsyncConnectionPool(
        url,
        min_size=1,
        max_size=size,
        timeout=TIMEOUT,
        kwargs={"connect_timeout": round(connect_timeout)},
        open=False,
    ) as pool:
        yield pool.connection


@asynccontextmanager
async def asyncpgs(
    url: str, size: int = SIZE, connect_timeout: float = CONNECT_TIMEOUT
) -> AsyncIterator[Borrow]:
    """Asyncpg's own, without the round trip that resets a connection."""

    async def no_reset(connection: Any) -> None:
        del connection

    async with asyncpg.create_pool(
        url, min_size=0, max_size=size, timeout=connect_timeout, reset=no_reset
    ) as pool:
        yield lambda: pool.acquire(timeout=TIMEOUT)


PEERS: dict[str, Open] = {
    "wellhead.DriverPool": native,
    "psycopg_pool": psycopgs,
    "asyncpg.Pool, no reset": asyncpgs,
    "wellhead.AsyncPool": ours,
    "wellhead.AsyncPool, naming leaks": ours_naming_leaks,
    "AsyncAdaptedQueuePool": theirs,
}


async def use(connection: Any) -> None:
    """One round trip, whatever kind of connection it is."""
    if hasattr(connection, "exec_driver_sql"):
        await connection.exec_driver_sql("SELECT 1")
    else:
        await connection.execute("SELECT 1")


async def idle_cycle(borrow: Borrow) -> float:
    """Microseconds of CPU to take and give back, one caller alone."""
    began = time.process_time()
    for _ in range(CYCLES):
        async with borrow():
            pass
    return (time.process_time() - began) / CYCLES * 1e6


async def contended_cycle(borrow: Borrow) -> float:
    """Microseconds of CPU to take and give back, ten callers for each connection."""
    each = CYCLES // (SIZE * 10)

    async def call() -> None:
        for _ in range(each):
            async with borrow():
                await asyncio.sleep(0)

    began = time.process_time()
    await asyncio.gather(*(call() for _ in range(SIZE * 10)))
    return (time.process_time() - began) / (each * SIZE * 10) * 1e6


async def compare(url: str, cycle: Callable[[Borrow], Awaitable[float]]) -> dict[str, list[float]]:
    """The times of each in many short turns; a noisy moment meets its neighbours in the turn."""
    times: dict[str, list[float]] = {name: [] for name in PEERS}
    async with AsyncExitStack() as stack:
        borrows = [
            (name, await stack.enter_async_context(opened(url, SIZE, CONNECT_TIMEOUT)))
            for name, opened in PEERS.items()
        ]
        for _, borrow in borrows:
            await cycle(borrow)
        for turn in range(TURNS):
            gc.collect()
            # The first in a turn has colder caches.
            for name, borrow in borrows[turn % len(borrows) :] + borrows[: turn % len(borrows)]:
                times[name].append(await cycle(borrow))
    return times


def cell(times: dict[str, list[float]], name: str, base: str) -> str:
    """The median time, and the median of the ratios within each turn."""
    ratios = [mine / theirs for mine, theirs in zip(times[name], times[base], strict=True)]
    return f"{statistics.median(times[name]):.1f} ({statistics.median(ratios):.2f})"


async def outage(proxy: TCPProxy, url: str, opened: Open) -> tuple[float, int]:
    """Seconds until twenty waiters are done after a 3 s outage, and how many failed."""
    async with opened(url, SIZE, CONNECT_TIMEOUT) as borrow:
        async with borrow() as connection:
            await use(connection)
        await proxy.refuse()
        await proxy.reset_connections()
        await asyncio.sleep(0.05)

        async def call() -> None:
            async with borrow() as connection:
                await use(connection)

        calls = [asyncio.create_task(call()) for _ in range(20)]
        await asyncio.sleep(3)
        await proxy.accept()
        back = time.monotonic()
        results = await asyncio.gather(*calls, return_exceptions=True)
        return time.monotonic() - back, sum(isinstance(each, Exception) for each in results)


async def silence(proxy: TCPProxy, url: str, opened: Open) -> tuple[float, int]:
    """Seconds until five callers of a pool of one are done after 3 s of silence, and how many fail.

    Nothing is refused in these 3 s: the network swallows what is sent, and a connection fails only
    by its own timeout of 1 s.
    """
    async with opened(url, 1, 1.0) as borrow:
        proxy.stall()

        async def call() -> None:
            async with borrow() as connection:
                await use(connection)

        calls = [asyncio.create_task(call()) for _ in range(5)]
        await asyncio.sleep(3)
        proxy.resume()
        back = time.monotonic()
        results = await asyncio.gather(*calls, return_exceptions=True)
        return time.monotonic() - back, sum(isinstance(each, Exception) for each in results)


def told(seconds: float, lost: int, callers: int) -> str:
    """How an outage ended."""
    return f"{seconds:.2f}" + (f", {lost} of {callers} failed" if lost else "")


async def restart(proxy: TCPProxy, url: str, opened: Open) -> int:
    """How many of fifty requests fail that come after the server was restarted."""
    async with opened(url, SIZE, CONNECT_TIMEOUT) as borrow:
        async with borrow(), borrow(), borrow():
            pass
        await proxy.cut()
        await asyncio.sleep(0.1)
        failed = 0
        for _ in range(50):
            try:
                async with borrow() as connection:
                    await use(connection)
            except Exception:  # noqa: BLE001 - whatever it is, the request failed
                failed += 1
        return failed


async def burst(proxy: TCPProxy, url: str, opened: Open) -> int:
    """Connections opened when a hundred callers come at once."""
    async with opened(url, SIZE, CONNECT_TIMEOUT) as borrow:
        async with borrow() as connection:
            await use(connection)
        proxy.reset()

        async def call() -> None:
            async with borrow() as connection:
                await use(connection)

        await asyncio.gather(*(call() for _ in range(100)))
        return proxy.connections + 1


async def memory(url: str, opened: Open) -> float:
    """KiB of Python memory for each open connection."""
    async with opened(url, SIZE, CONNECT_TIMEOUT) as borrow, borrow():
        gc.collect()
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        async with borrow(), borrow(), borrow(), borrow():
            gc.collect()
            used = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
    return used / (SIZE - 1) / 1024


def steal() -> tuple[int, int]:
    """Jiffies that the hypervisor took, and all of them; from /proc/stat."""
    fields = [int(each) for each in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return fields[7], sum(fields)


def table(rows: dict[str, list[str]], heads: list[str]) -> str:
    """A table in Markdown."""
    lines = ["| | " + " | ".join(heads) + " |", "|---" * (len(heads) + 1) + "|"]
    lines += [f"| {name} | " + " | ".join(cells) + " |" for name, cells in rows.items()]
    return "\n".join(lines)


async def measure(postgres: EmbeddedPostgres) -> str:
    """Everything, as a Markdown section."""
    taken = steal()
    idle = await compare(postgres.url, idle_cycle)
    busy = await compare(postgres.url, contended_cycle)
    rows: dict[str, list[str]] = {}
    async with TCPProxy("127.0.0.1", postgres.port) as proxy:
        url = postgres.url.replace(f":{postgres.port}/", f":{proxy.port}/")
        for name, opened in PEERS.items():
            base = "AsyncAdaptedQueuePool" if "Async" in name else "wellhead.DriverPool"
            kib = [await memory(url, opened) for _ in range(3)]
            rows[name] = [
                cell(idle, name, base),
                cell(busy, name, base),
                told(*await outage(proxy, url, opened), 20),
                told(*await silence(proxy, url, opened), 5),
                str(await restart(proxy, url, opened)),
                str(await burst(proxy, url, opened)),
                f"{statistics.median(kib):.0f}",
            ]
    now = steal()
    share = (now[0] - taken[0]) / max(1, now[1] - taken[1]) * 100
    heads = [
        "take and give back, us (ratio)",
        "10 callers a connection, us (ratio)",
        "done after 3 s of refusal, s",
        "done after 3 s of silence, s",
        "failed of 50 after a restart",
        f"opened for 100 callers, limit {SIZE}",
        "KiB a connection",
    ]
    return (
        f"{table(rows, heads)}\n\n"
        f"Measured on {dt.datetime.now(tz=dt.UTC):%Y-%m-%d}: Python "
        f"{platform.python_version()}, PostgreSQL {postgres.version}, {os.cpu_count()} cores of "
        f"{platform.machine()}, steal {share:.0f} %. Times are CPU time of this process: medians "
        f"of {TURNS} turns of {CYCLES}, and of the ratios within each turn."
    )


def main() -> None:
    """Measure, print, and write where asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, metavar="PAGE", help="put the table on this page")
    page: Path | None = parser.parse_args().write
    with tempfile.TemporaryDirectory(prefix="wellhead-bench-") as name:
        Path(name).chmod(0o755)
        with EmbeddedPostgres(Path(name) / "postgres", durable=False) as postgres:
            section = asyncio.run(measure(postgres))
    print(section)
    if page is not None:
        write(section, page, name="bench-pool")


if __name__ == "__main__":
    main()
