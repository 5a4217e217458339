"""The part about all other routes: CPU time, round trips and calls of Python of each."""

from collections.abc import Sequence
from contextlib import AsyncExitStack

from bench.speed.job import Job
from bench.speed.run import by_port
from bench.speed.server import Server
from bench.todo_speed.asking import CHECKED, Asking
from bench.todo_speed.calls import count
from bench.todo_speed.contestants import BY_HAND, TODO
from bench.todo_speed.requests import Requests
from bench.todo_speed.result import REST
from bench.todo_speed.routes import BASE, OTHERS
from bench.todo_speed.stage import Stage
from wellhead.testing.proxy import TCPProxy

_TASKS, _EACH = 1000, 250
"""Of all users together, and of each: more than a page of changes has."""

SHARED = tuple(name for name, route in OTHERS.items() if route.by_hand is not None)
"""What the application by hand has, too."""

ALONE = tuple(name for name in REST.operations if name not in SHARED)


async def play_rest(stage: Stage) -> None:
    """Play what both have, then what only the Todo API has; and count."""
    peers = (TODO, BY_HAND)
    urls = {peer: await stage.filled(peer, f"{peer.name}_rest", _TASKS, _EACH) for peer in peers}
    async with AsyncExitStack() as stack:
        datas = await stage.datas(urls.values(), stack)
        supplies = await stack.enter_async_context(
            stage.databases.supplies(urls[TODO], stage.person.id)
        )
        await supplies.fill()
        launches = [stage.contestants.launch(peer, url) for peer, url in urls.items()]
        servers = await stack.enter_async_context(stage.serving(launches))
        both = await stage.play("rest", servers, datas, supplies=[supplies], operations=SHARED)
        await stage.play("rest", servers[:1], datas[:1], supplies=[supplies], operations=ALONE)
        for peer, server, operations in (
            (TODO, servers[0], REST.operations),
            (BY_HAND, servers[1], (*SHARED, *BASE)),
        ):
            asked = {each: await both.messages(server.port, each) for each in operations}
            calls = await count(stage.contestants, peer, urls[peer], asked)
            stage.result.calls[peer.name] = calls
        await datas[0].clear()
        await supplies.clear()
        proxy = await stack.enter_async_context(TCPProxy("127.0.0.1", stage.postgres.port))
        proxied = stage.contestants.launch(TODO, by_port(urls[TODO], proxy.port))
        [server] = await stack.enter_async_context(stage.serving([proxied]))
        asking = Asking(
            stage.load,
            {server.port: Requests(stage.person, await datas[0].task_ids())},
            {server.port: supplies},
        )
        for operation in REST.operations:
            trips = await _round_trips(operation, server, asking, proxy)
            stage.result.trips[operation] = trips


async def _round_trips(operation: str, server: Server, asking: Asking, proxy: TCPProxy) -> float:
    """Of one request, on a connection that knows its statements."""
    counted = 0
    for _ in range(2):
        messages: Sequence[str] = await asking.messages(server.port, operation)
        proxy.reset()
        await asking.load.play(Job(server.port, operation, 1, 0, 60.0, CHECKED, messages))
        counted = proxy.round_trips
    return counted / CHECKED
