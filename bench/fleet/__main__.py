"""``python -m bench.fleet``: starts a fleet, says where everything is, and ends it with Ctrl-C."""

import argparse
import asyncio
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from bench.fleet.fleet import Fleet, open_fleet
from bench.fleet.programs import missing


def main() -> int:
    """Run a fleet until it is told to end."""
    parser = argparse.ArgumentParser(prog="python -m bench.fleet", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave the logs, and say where")
    given = parser.parse_args()
    if absent := missing():
        parser.error(f"{', '.join(absent)} is missing: run make fleet-programs.")
    directory = Path(tempfile.mkdtemp(prefix="wellhead-fleet-"))
    directory.chmod(0o755)
    try:
        asyncio.run(_run(directory))
    finally:
        if given.keep:
            print(f"logs in {directory}")
        else:
            shutil.rmtree(directory)
    return 0


async def _run(directory: Path) -> None:
    """Start it and wait; a signal also ends a start that is not complete, once and in order."""
    serving = asyncio.create_task(_serve(directory))
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)

    def end() -> None:
        for each in signals:
            loop.add_signal_handler(each, lambda: None)
        print("ending", flush=True)
        serving.cancel()

    for each in signals:
        loop.add_signal_handler(each, end)
    await asyncio.wait([serving])
    if not serving.cancelled():
        serving.result()


async def _serve(directory: Path) -> None:
    print("starting", flush=True)
    async with open_fleet(directory) as fleet:
        print("\n".join(_places(fleet)), flush=True)
        await asyncio.Event().wait()


def _places(fleet: Fleet) -> list[str]:
    lines = [f"etcd            http://{fleet.etcd.address}"]
    for member, pooler in zip(fleet.members, fleet.poolers, strict=True):
        lines.append(
            f"{member.name:<16}{member.url}  (PgBouncer {pooler.port}, Patroni {member.rest_port})"
        )
    lines += [
        f"primary         {fleet.primary_url}",
        f"replicas        {fleet.replicas_url}",
        f"all hosts       {fleet.hosts_url}",
    ]
    lines += [f"application     {each.base_url}" for each in fleet.applications]
    return [*lines, "Ctrl-C ends it."]


if __name__ == "__main__":
    sys.exit(main())
