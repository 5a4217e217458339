"""The Chromium of this machine, as Playwright launches it."""

import os
import shutil
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome")


def launching() -> dict[str, Any]:
    """Which Chromium is launched, and how.

    Raises:
        FileNotFoundError: There is none; the message says how to get one.
    """
    found = [path for name in NAMES if (path := shutil.which(name))]
    if not found:
        raise FileNotFoundError(
            f"There is no {' or '.join(NAMES)}; on Debian: apt-get install chromium"
        )
    return {"executable_path": found[0], "chromium_sandbox": os.geteuid() != 0}
