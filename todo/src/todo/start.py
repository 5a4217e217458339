"""Where the command `todo` begins: it can be stopped from its first moment."""

import importlib
import os
import signal


def main() -> None:
    """Run the command; the entry point of the package."""
    if os.getpid() == 1:
        obey_sigterm()
    # Loading takes a second, and a signal must not be lost in it.
    importlib.import_module("todo.cli").app()


def obey_sigterm() -> None:
    """End on SIGTERM at once, as processes do that are not the first of their container.

    The kernel drops the signals for which process 1 has no handler; a container that still waits
    for its database would then have to be killed. The server puts its own handler in this place.
    """
    signal.signal(signal.SIGTERM, lambda number, _: os._exit(128 + number))
