"""Where the command `todo` begins: it can be stopped from its first moment."""

import gc
import importlib
import os
import signal
from types import ModuleType


def main() -> None:
    """Run the command; the entry point of the package."""
    if os.getpid() == 1:
        obey_sigterm()
    # Loading takes a second, and a signal must not be lost in it.
    load("todo.cli").app()


def load(name: str) -> ModuleType:
    """Import a module, and look for garbage neither meanwhile nor among what it consists of.

    Nothing of it ever becomes garbage, and the looking takes a tenth of the time.
    """
    gc.disable()
    try:
        return importlib.import_module(name)
    finally:
        gc.freeze()
        gc.enable()


def obey_sigterm() -> None:
    """End on SIGTERM at once, as processes do that are not the first of their container.

    The kernel drops the signals for which process 1 has no handler; a container that still waits
    for its database would then have to be killed. The server puts its own handler in this place.
    """
    signal.signal(signal.SIGTERM, lambda number, _: os._exit(128 + number))
