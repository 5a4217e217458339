"""From settings to connections: which pool, which driver arguments, which hooks and listeners.

Begin with ``connector``: :class:`Connector` makes every connection there is. ``hooks`` are what an
application adds to each, ``credentials`` and ``set_up`` how that is done. ``engine`` makes the
engine around it, ``probing`` the probe's question, ``blocking`` an engine without asyncio.
``listeners`` and ``cancelling`` are what is attached to the engine; ``fleet`` warns where all
processes together want more connections than the server has.
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
