"""Every knob, and the only reader of the environment.

Begin with ``settings``: :class:`DatabaseSettings` reads, completes and checks all of them.
``secret_files`` reads those that a file holds.
"""

from wellhead.settings.settings import DatabaseSettings

__all__ = ["DatabaseSettings"]
