"""What the start of the Todo API takes, next to what it cannot do without.

Run it with ``make bench-start``. The third-party packages have to be imported, and without a
database a PostgreSQL has to start; all else is ours. What is compared runs in turns, each in a
process of its own, so that a busy machine slows both.
"""

import argparse
import http.client
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.page import write
from bench.speed.ratio import Spread

TODO = Path(sys.executable).with_name("todo")
WORKERS = 4
LOG = "log"
APP = "import todo.main"
WORKER = "from todo.start import load; load('todo.main')"
"""As a worker imports it: without looks for garbage on the way."""
STARTED = "Application startup complete"

_THEIRS = """
import json, sys
{imports}
print(json.dumps([name for name, module in sys.modules.items()
                  if "site-packages" in (getattr(module, "__file__", None) or "")
                  and not name.startswith(("wellhead", "todo", "__editable"))]))
"""
_IMPORTED = """
import re, time
began = time.process_time()
{imports}
print(time.process_time() - began)
print(re.search("Pss:\\\\s+(\\\\d+)", open("/proc/self/smaps_rollup").read())[1])
"""
_STARTED = """
import sys, time
from pathlib import Path
{imports}
began = time.perf_counter()
from wellhead.embedded import EmbeddedPostgres
ours = time.perf_counter() - began
with EmbeddedPostgres(Path(sys.argv[1])):
    print(ours, flush=True)
"""


def theirs(imports: str) -> str:
    """The program that imports the third-party modules which a program brings in, in its order."""
    names: list[str] = json.loads(_ask(_THEIRS.format(imports=imports)))
    return f"import importlib\nfor name in {names!r}: importlib.import_module(name)"


def imported(imports: str) -> tuple[float, float]:
    """CPU seconds of imports, and what the process then holds, in MB."""
    seconds, kilobytes = _ask(_IMPORTED.format(imports=imports)).split()
    return float(seconds), int(kilobytes) / 1024


def started(imports: str, data: Path) -> float:
    """Seconds until the third-party modules are imported and the PostgreSQL has started."""
    began = time.perf_counter()
    program = _STARTED.format(imports=imports)
    command = [sys.executable, "-c", program, str(data / "postgres")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        ours = float(_line(process))
        return time.perf_counter() - began - ours


def answered(data: Path) -> float:
    """Seconds until `make run` has answered a request."""
    began = time.perf_counter()
    with serving(data) as address:
        _ask_whether_ready(address)
        return time.perf_counter() - began


def held_by_workers(data: Path) -> tuple[float, float]:
    """The private memory of each worker, and its share of all memory, in MB."""
    with serving(data, "--workers", str(WORKERS)):
        log = data / LOG
        while log.read_text().count(STARTED) < WORKERS:
            time.sleep(0.1)
        workers = re.findall(r"Started server process \[(\d+)\]", log.read_text())
        pages = [_pages(pid) for pid in workers]
        own = [page["Private_Clean"] + page["Private_Dirty"] for page in pages]
        return statistics.median(own), statistics.median(page["Pss"] for page in pages)


@contextmanager
def serving(data: Path, *options: str) -> Iterator[str]:
    """A running `todo serve`, and its address."""
    environment = {**os.environ, "DATA_DIR": str(data), "DRAIN_SECONDS": "0"}
    environment.pop("DATABASE_URL", None)
    command = [str(TODO), "serve", "--migrate", "--port", "0", *options]
    with (
        (data / LOG).open("w") as log,
        subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=log, text=True
        ) as process,
    ):
        try:
            while not (found := re.search(r"Address +http://(\S+)", _line(process))):
                pass
            yield found[1]
        finally:
            process.terminate()


def _pages(pid: str) -> dict[str, float]:
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return {name: int(size) / 1024 for name, size in re.findall(r"(\w+):\s+(\d+) kB", text)}


def _ask_whether_ready(address: str) -> None:
    connection = http.client.HTTPConnection(address)
    connection.request("GET", "/health/ready")
    connection.getresponse().read()
    connection.close()


def _line(process: subprocess.Popen[str]) -> str:
    line = process.stdout.readline() if process.stdout else ""
    if not line:
        raise RuntimeError(f"The program ended early: {process.args!r}.")
    return line


def _ask(program: str) -> str:
    return subprocess.check_output([sys.executable, "-c", program], text=True)


def report(turns: int) -> str:
    """Measure, and tell it as a table."""
    packages, all_packages = theirs(APP), theirs("import todo.cli, todo.main")
    for imports in (APP, packages, all_packages):
        _ask(imports)
    rounds = [(imported(APP), imported(WORKER), imported(packages)) for _ in range(turns)]
    with tempfile.TemporaryDirectory(prefix="wellhead-start-") as directory:
        data = Path(directory)
        answered(data)
        starts = [(answered(data), started(all_packages, data)) for _ in range(turns)]
        own, share = held_by_workers(data)
    plain = Spread.of(app[0] / alone[0] for app, _, alone in rounds)
    cpu = Spread.of(worker[0] / alone[0] for _, worker, alone in rounds)
    more = statistics.median(worker[1] - alone[1] for _, worker, alone in rounds)
    wall = Spread.of(ours / alone for ours, alone in starts)
    rows = (
        ("the imports of a worker, CPU", "its third-party packages alone", f"{cpu} times"),
        ("`import todo.main` in any process, CPU", "the same", f"{plain} times"),
        ("the imports of a worker, memory", "the same", f"{more:.1f} MB more"),
        (
            "a second `make run`, until it has answered",
            "its third-party packages, and the start of its PostgreSQL",
            f"{wall} times",
        ),
        (
            f"one of {WORKERS} workers, memory",
            "",
            f"{own:.0f} MB of its own, {share:.0f} MB with its part of what is shared",
        ),
    )
    head = "| Of | Next to | |\n|---|---|---|\n"
    return head + "\n".join(f"| {of} | {next_to} | {told} |" for of, next_to, told in rows)


def main() -> None:
    """Measure, print, and write the page where one is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=11)
    parser.add_argument("--write", type=Path)
    arguments = parser.parse_args()
    text = report(arguments.turns)
    print(text)
    if arguments.write:
        write(text, arguments.write, name="bench-start")


if __name__ == "__main__":
    main()
