"""``python -m wellhead`` is the command ``wellhead``."""

from wellhead.cli import main

main()
