"""What is done for a task that was cancelled, while anyio goes on cancelling it.

asyncio cancels a task once, and what cleans up may wait. anyio's scopes, in which Starlette runs
streams and its middleware, cancel whatever the task waits for until it has left the scope:
https://anyio.readthedocs.io/en/stable/cancellation.html
"""

import sys
from contextlib import AbstractContextManager, nullcontext
from typing import Any


def shielded() -> AbstractContextManager[Any]:
    """A block that anyio's cancellation does not reach; another of asyncio's does."""
    # If anyio has not been imported, it has no scopes.
    anyio = sys.modules.get("anyio")
    return nullcontext() if anyio is None else anyio.CancelScope(shield=True)
