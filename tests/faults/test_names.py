"""The staged resolver is asked by a process of its own, as the applications are."""

import os
import subprocess
import sys
from pathlib import Path

from bench.faults.names import HOST, Names

ASK = """
import socket, sys
try:
    print(socket.getaddrinfo(sys.argv[1], 1)[0][4][0])
except socket.gaierror as error:
    print(error.strerror)
"""


def ask(names: Names, host: str = HOST) -> str:
    done = subprocess.run(
        [sys.executable, "-c", ASK, host],
        env={**os.environ, **names.environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_a_name_resolves_until_it_is_forgotten(tmp_path: Path) -> None:
    names = Names(tmp_path)
    assert ask(names) == "127.0.0.1"

    names.forget()
    assert ask(names) == "Name or service not known"

    names.remember()
    assert ask(names) == "127.0.0.1"


def test_other_names_are_left_to_the_system(tmp_path: Path) -> None:
    assert ask(Names(tmp_path), "127.0.0.2") == "127.0.0.2"
