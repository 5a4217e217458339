"""From settings to connections: which pool, which driver arguments, which hooks and listeners.

Begin with ``connector``: :class:`Connector` makes every connection. ``hooks`` are what an
application adds to each, ``credentials`` and ``set_up`` apply them. ``engine`` builds the engine
around it with the pool of the ``plan``, ``probing`` runs the probe's query, ``blocking`` makes an
engine without asyncio. ``listeners`` and ``cancelling`` are attached to the engine; ``budget`` adds
up the connections of all processes, and ``fleet`` warns if the server has fewer.
"""

from wellhead.connecting.connector import Connector
from wellhead.connecting.credentials import Credentials, SecretFile
from wellhead.connecting.engine import build_engine, connect_first, plan_pool
from wellhead.connecting.hooks import Hooks, Source
from wellhead.connecting.probing import probe

__all__ = [
    "Connector",
    "Credentials",
    "Hooks",
    "SecretFile",
    "Source",
    "build_engine",
    "connect_first",
    "plan_pool",
    "probe",
]
