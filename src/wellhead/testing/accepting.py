"""The end of a listener, after which no accepted connection is left behind."""

import asyncio

_TURNS_OF_ACCEPTING = 3
"""Of the event loop, from a connection's ``accept()`` until asyncio has begun to serve it."""


async def stop_accepting(server: asyncio.Server) -> None:
    """Accept no more, wait until what was accepted is being served, and close the listener.

    Connections that are open stay so. ``Server.close()`` alone leaves a connection that came just
    before it open for good, or serves it after its owner has ended all others.

    Args:
        server: The listener; it belongs to the event loop that runs.
    """
    loop = asyncio.get_running_loop()
    for listener in server.sockets:
        loop.remove_reader(listener)
    for _ in range(_TURNS_OF_ACCEPTING):
        await asyncio.sleep(0)
    # Not wait_closed: from Python 3.12 on it waits for the open connections, too.
    server.close()
