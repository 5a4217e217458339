"""Tests of an application on a real PostgreSQL, and a network that breaks on purpose.

Begin with ``plugin``, which pytest loads by ``-p wellhead.testing.plugin``: its fixtures give a
test a migrated database of its own worker, and roll back what it has done there. ``proxy`` is the
network: :class:`TCPProxy` counts what passes between an application and its server, and delays,
cuts or refuses it.
"""

# Nothing of pytest's: what runs without it, such as a benchmark, uses the network, too.
from wellhead.testing.proxy import TCPProxy

__all__ = ["TCPProxy"]
