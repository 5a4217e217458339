"""Builds the site: ``python -m docs.site DIRECTORY``."""

import shutil
import sys
from pathlib import Path

from sphinx.cmd.build import build_main

from docs.site import source


def main(directory: Path) -> int:
    """Build the site in a directory, from nothing; returns what the program ends with."""
    shutil.rmtree(directory, ignore_errors=True)
    source.assemble(directory / "source")
    options = [
        "--quiet",
        "--fail-on-warning",
        "--keep-going",
        "--conf-dir",
        str(Path(__file__).parent),
    ]
    places = [str(directory / name) for name in ("source", "html")]
    return build_main([*options, "--doctree-dir", str(directory / "doctrees"), *places])


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
