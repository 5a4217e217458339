"""The ``wellhead`` command: migrate, wait for the database, examine it, watch a running service.

Begin with ``app``, which has the commands. Each is a module: ``migrate``, ``wait``, ``doctor``,
``top``, ``pool_size``; ``exits`` defines their exit codes, and ``colour`` their look. For ``top``,
``page_client`` reads what ``page_figures`` describes, and ``watching`` shows it as ``screen`` says.
"""

import gc
import sys
from collections.abc import Callable
from typing import Final

_PACKAGES: Final = frozenset({"alembic", "rich", "typer"})


def main() -> None:
    """Run the command, or say so if the packages it needs are not installed."""
    try:
        # Some of the commands need Alembic.
        _load()()
    except ModuleNotFoundError as error:
        if error.name not in _PACKAGES:
            raise
        sys.exit(
            f"wellhead: the command needs the package {error.name}, which is not installed.\n"
            'Install it with pip install "wellhead[cli]".'
        )


def _load() -> Callable[[], None]:
    # Loaded modules never become garbage, and looking for it takes a quarter of a short command.
    gc.disable()
    try:
        from wellhead.cli.app import run  # noqa: PLC0415 - needs optional packages
    finally:
        gc.freeze()
        gc.enable()
    return run
