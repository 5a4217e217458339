"""Tests of an application on a real PostgreSQL: a pytest plugin, loaded by ``-p wellhead.testing``.

Begin with ``plugin``: its fixtures give a test a migrated database of its own worker, and roll back
what the test has done there. ``worker`` and ``databases_of_run`` make these databases; ``joining``
is the server in front of them through which everything that a test opens joins one transaction.
"""

pytest_plugins = ["wellhead.testing.plugin"]
