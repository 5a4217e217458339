"""``python -m bench.fleet.faults``: every outage of a fleet under load, with a table at the end.

If it is quick, some of its parts are replaced at the end, as `bench.fleet.rolling` replaces all.
"""

import argparse
import asyncio
import random
import shutil
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

from bench.faults.apps import TODO, USUAL
from bench.faults.chance import chance
from bench.faults.scenario import AT_LENGTH, BRIEFLY
from bench.fleet.faults.outage import LOSSES, OUTAGES
from bench.fleet.faults.route import Route
from bench.fleet.faults.side import open_sides
from bench.fleet.faults.summary import paragraph, table
from bench.fleet.faults.trial import Trial, play
from bench.fleet.fleet import MEMBERS, open_fleet
from bench.fleet.network import Network, can_be_cut
from bench.fleet.programs import missing, versions
from bench.fleet.rolling.report import is_flawless
from bench.fleet.rolling.rolling import STEPS, roll
from bench.page import write

# How much is replaced if it is quick.
_STEPS, _PROCESSES = 2, 2


def main() -> int:
    """Play the outages; 1 when the Todo API broke a promise, or did not come back.

    It is 1 as well when a client saw a failure while a part was replaced.

    In asynchronous mode it is 1 when none was broken: then the checks are blind.
    """
    parser = argparse.ArgumentParser(prog="python -m bench.fleet.faults", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument(
        "--quick", action="store_true", help="the Todo API alone, on one way to the database"
    )
    parser.add_argument(
        "--asynchronous",
        action="store_true",
        help="the Todo API alone, on servers whose commits wait for no replica, when the primary is"
        " lost: the checks have to find what is lost",
    )
    parser.add_argument("--only", metavar="WORD", default="", help="with this in their name")
    parser.add_argument(
        "--route",
        type=lambda name: [Route[name.upper()]],
        metavar="|".join(route.name.lower() for route in Route),
        help="one way to the database; without it all of them, HAProxy if it is quick, or all hosts"
        " if it is asynchronous",
    )
    parser.add_argument("--write", type=Path, metavar="PAGE", help="put the table on this page")
    parser.add_argument("--keep", action="store_true", help="leave the logs, and say where")
    given = parser.parse_args()
    if absent := missing():
        parser.error(f"{', '.join(absent)} is missing: run make fleet-programs.")
    if given.asynchronous and not can_be_cut():
        parser.error("--asynchronous cuts the primary off: it needs root and network namespaces.")
    print(f"seed {given.seed}", flush=True)
    directory = Path(tempfile.mkdtemp(prefix="wellhead-fleet-"))
    directory.chmod(0o755)
    try:
        trials, rolled = asyncio.run(_play(directory, given))
    finally:
        if given.keep:
            print(f"logs in {directory}")
        else:
            shutil.rmtree(directory)
    for route in Route:
        if played := [trial for trial in trials if trial.route is route]:
            text = table(played, seed=given.seed, servers=versions(), left_out=_left_out())
            print(f"{route}:\n{text}")
            if given.write is not None:
                name = "asynchronous" if given.asynchronous else route.name.lower()
                write(text, given.write, name=f"fleet-{name}")
    ours = [trial.suffered[0] for trial in trials]
    came_back = all(each.recovered is not None for each in ours)
    is_broken = any(each.broken for each in ours)
    is_as_it_should_be = is_broken == given.asynchronous and all(map(is_flawless, rolled))
    return 0 if came_back and is_as_it_should_be else 1


async def _play(directory: Path, given: argparse.Namespace) -> tuple[list[Trial], list[Trial]]:
    """The outages, and what was replaced."""
    rng = chance(given.seed)
    kinds = (TODO,) if given.quick or given.asynchronous else (TODO, USUAL)
    pace = BRIEFLY if given.quick else AT_LENGTH
    routes, outages = list(Route), OUTAGES
    if given.asynchronous:
        # Where all of them can happen.
        routes, outages = [Route.HOSTS], LOSSES
    elif given.quick:
        routes = [Route.HAPROXY]
    chosen = [each for each in outages if given.only.casefold() in each.__name__.casefold()]
    trials, rolled = [], []
    async with AsyncExitStack() as stack:
        network = None
        if can_be_cut():
            network = stack.enter_context(Network(MEMBERS))
        else:
            chosen = [each for each in chosen if not each.cuts]
        opened = open_fleet(
            directory, applications=0, network=network, is_synchronous=not given.asynchronous
        )
        fleet = await stack.enter_async_context(opened)
        for route in given.route or routes:
            async with open_sides(fleet, route, kinds, directory) as sides:
                for outage in rng.sample(chosen, len(chosen)):
                    if route in outage.routes:
                        trial = await play(outage(), route, fleet, sides, rng, pace=pace)
                        print(paragraph(trial), flush=True)
                        trials.append(trial)
        if given.quick and not given.only:
            steps = rng.sample(STEPS, _STEPS)
            rolled = await roll(fleet, directory, steps, rng, count=_PROCESSES, pace=pace)
    return sorted(trials, key=lambda each: outages.index(type(each.outage))), rolled


def _left_out() -> list[str]:
    """What cannot be staged here, in a sentence each."""
    names = [each.name for each in OUTAGES if each.cuts and not can_be_cut()]
    return [f"Left out, as it needs root and network namespaces: {name}." for name in names]


if __name__ == "__main__":
    sys.exit(main())
