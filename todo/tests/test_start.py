"""The beginning of the command `todo`, as process 1 of a container and otherwise.

`deploy/tests/test_faults.py` stops real containers at once.
"""

import signal
import subprocess
import sys

import pytest

AS_PROCESS = "import os; os.getpid = lambda: {pid}; "
TERMINATED = "import signal, typer; typer.Typer.__call__ = lambda _: signal.raise_signal(15); "


def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(("pid", "code"), [(1, 128 + signal.SIGTERM), (2, -signal.SIGTERM)])
def test_sigterm_ends_it_before_the_server_is_up(pid: int, code: int) -> None:
    done = run(AS_PROCESS.format(pid=pid) + TERMINATED + "import todo.start; todo.start.main()")

    assert done.returncode == code


def test_only_process_one_needs_a_handler_of_its_own() -> None:
    shown = "import signal, typer; typer.Typer.__call__ = lambda _: print(signal.getsignal(15)); "
    done = run(AS_PROCESS.format(pid=2) + shown + "import todo.start; todo.start.main()")

    assert done.stdout.strip() == "0"


def test_the_command_begins_here() -> None:
    done = run("import todo.start; todo.start.main()", "--help")

    assert done.returncode == 0
    assert "migrate" in done.stdout


def test_a_process_that_starts_workers_loads_no_application() -> None:
    done = run("import sys, todo.cli; print(*{name.split('.')[0] for name in sys.modules})")

    assert "uvicorn" in done.stdout.split()
    assert not {"alembic", "cryptography", "fastapi", "jwt", "rich"} & set(done.stdout.split())


def test_what_was_loaded_is_left_out_of_the_looks_for_garbage() -> None:
    done = run(
        "import gc, todo.start; todo.start.load('todo.cli'); "
        "print(gc.isenabled(), gc.get_freeze_count() > len(gc.get_objects()))"
    )

    assert done.stdout.split() == ["True", "True"]
