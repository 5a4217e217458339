"""What a benchmark serves in a process of its own."""

import time
from http import HTTPStatus
from pathlib import Path

import pytest

from bench import overload
from tests.staging.given import Postgres


async def test_it_serves_wherever_the_benchmark_was_started(
    postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    statuses: list[int] = []

    async with overload.service(postgres.url) as port:
        client = overload.Client(port, patient=False)
        await client.run(time.monotonic(), lambda status, _: statuses.append(status))

    assert statuses == [HTTPStatus.OK]
