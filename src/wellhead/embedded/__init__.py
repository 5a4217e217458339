"""A real PostgreSQL for development and tests, from a Python wheel or from the system."""

import sys

from wellhead.errors import EmbeddedError

if sys.platform == "win32":
    raise EmbeddedError(
        "The embedded PostgreSQL needs Linux or macOS.",
        hint="Set DATABASE_URL to a server of your own, or use the Windows Subsystem for Linux.",
    )

from wellhead.embedded.server import EmbeddedPostgres

__all__ = ["EmbeddedPostgres"]
