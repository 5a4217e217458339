"""The command ``wellhead``: migrate, wait for the database, and compute the size of a pool.

Begin with ``app``, which has the commands. Each is a module: ``migrate``, ``wait``, ``pool_size``;
``exits`` says what their exit codes mean.
"""

import gc
import sys
from collections.abc import Callable
from typing import Final

_PACKAGES: Final = frozenset({"alembic", "typer"})


def main() -> None:
    """Run the command; says so where the packages it needs are not installed."""
    try:
        # Alembic is needed by some of what it runs.
        _load()()
    except ModuleNotFoundError as error:
        if error.name not in _PACKAGES:
            raise
        sys.exit(
            f"wellhead: the command needs the package {error.name}, which is not installed.\n"
            'Install it with pip install "wellhead[cli]".'
        )


def _load() -> Callable[[], None]:
    # What is loaded never becomes garbage, and looking for it takes a quarter of a short command.
    gc.disable()
    try:
        from wellhead.cli.app import run  # noqa: PLC0415 - needs optional packages
    finally:
        gc.freeze()
        gc.enable()
    return run
