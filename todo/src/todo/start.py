"""The entry point of the `todo` command: it can be stopped from its first moment."""

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
    """Import a module without garbage collection, and keep its objects out of later ones.

    None of them ever becomes garbage, and looking for it takes a tenth of the time.
    """
    gc.disable()
    try:
        return importlib.import_module(name)
    finally:
        gc.freeze()
        gc.enable()


def obey_sigterm() -> None:
    """Terminate on SIGTERM at once, like processes that are not the first of their container.

    The kernel drops signals for which process 1 has no handler; a container still waiting for its
    database would then have to be killed. The server replaces this handler with its own.
    """
    signal.signal(signal.SIGTERM, lambda number, _: os._exit(128 + number))
