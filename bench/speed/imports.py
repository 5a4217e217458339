"""What `import wellhead.fastapi` costs next to the third-party packages that it brings in."""

import json
import subprocess
import sys

_LIST = """
import json, sys
import wellhead.fastapi
theirs = [name for name, module in sys.modules.items()
          if "site-packages" in (getattr(module, "__file__", None) or "")
          and not name.startswith(("wellhead", "__editable"))]
print(json.dumps(theirs))
"""
_TIME = """
import time
began = time.process_time()
{imports}
print(time.process_time() - began)
"""


def measure(turns: int) -> list[tuple[float, float]]:
    """CPU seconds of the import, and of the packages alone, in turns."""
    theirs = third_party()
    # One by one and in the same order, and without the packages of the standard library that
    # Wellhead needs in addition: so the difference is all of Wellhead's.
    alone = "import importlib\nfor name in " + repr(theirs) + ": importlib.import_module(name)"
    ours = "import wellhead.fastapi"
    for each in (alone, ours):
        _cost(each)
    return [(_cost(ours), _cost(alone)) for _ in range(turns)]


def third_party() -> list[str]:
    """The modules of other packages that the import brings in, in its order."""
    found: list[str] = json.loads(_ask(_LIST))
    return found


def _cost(imports: str) -> float:
    return float(_ask(_TIME.format(imports=imports)))


def _ask(program: str) -> str:
    return subprocess.check_output([sys.executable, "-c", program], text=True)
