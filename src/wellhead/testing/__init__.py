"""Tests of an application on a real PostgreSQL, and a network that breaks on purpose.

Begin with ``plugin``, which pytest loads by ``-p wellhead.testing``: its fixtures give a test a
migrated database of its own worker, and roll back what the test has done there. ``worker`` and
``databases_of_run`` make these databases; ``joining`` is the server in front of them through which
everything that a test opens joins one transaction. ``proxy`` is the network: :class:`TCPProxy`
counts what passes between an application and its server, and delays, cuts or refuses it.
"""

# Nothing of pytest's: what runs without it, such as a benchmark, uses the network, too.
from wellhead.testing.proxy import TCPProxy

__all__ = ["TCPProxy"]

pytest_plugins = ["wellhead.testing.plugin"]
