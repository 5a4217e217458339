"""The beginning of the command `todo`, as process 1 of a container and otherwise.

`deploy/tests/test_faults.py` stops real containers at once.
"""

import os
import signal
import subprocess
import sys

import pytest
from staged import KEY

pytestmark = pytest.mark.wellhead(commit=True)

AS_PROCESS = "import os; os.getpid = lambda: {pid}; "
TERMINATED = "import signal, typer; typer.Typer.__call__ = lambda _: signal.raise_signal(15); "


def run(program: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
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


NOT_FOR_SERVING = ("alembic", "mako", "pygments", "rich", "typer", "watchfiles", "websockets")


def test_the_application_loads_nothing_that_serving_does_not_need() -> None:
    done = run(
        "import sys, todo.main; todo.main.create_app(); "
        f"print(*{set(NOT_FOR_SERVING)} & sys.modules.keys())",
        DATABASE_URL="postgresql://ada@db.invalid/todo",
        JWT_SECRET_KEY=KEY,
    )

    assert (done.stdout.strip(), done.stderr) == ("", "")


def test_a_worker_on_a_migrated_database_loads_no_alembic(wellhead_url: str) -> None:
    done = run(
        "import asyncio, sys, todo.main\n"
        "async def serve():\n"
        "    app = todo.main.create_app()\n"
        "    async with app.router.lifespan_context(app):\n"
        "        readiness = await app.state.accounts.database.ready()\n"
        "        print(readiness.is_ready, 'alembic' in sys.modules)\n"
        "asyncio.run(serve())",
        DATABASE_URL=wellhead_url,
        JWT_SECRET_KEY=KEY,
    )

    assert done.stdout.split() == ["True", "False"], done.stderr


def test_a_migrated_database_is_migrated_without_alembic(wellhead_url: str) -> None:
    done = run(
        "import atexit, sys, todo.start; "
        "atexit.register(lambda: print('alembic' in sys.modules)); todo.start.main()",
        "migrate",
        DATABASE_URL=wellhead_url,
    )

    assert done.stdout.splitlines()[-1] == "False"
    assert "up to date" in done.stdout


def test_what_was_loaded_is_left_out_of_the_looks_for_garbage() -> None:
    done = run(
        "import gc, todo.start; todo.start.load('todo.cli'); "
        "print(gc.isenabled(), gc.get_freeze_count() > len(gc.get_objects()))"
    )

    assert done.stdout.split() == ["True", "True"]
