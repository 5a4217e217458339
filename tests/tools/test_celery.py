"""A worker of Celery's, with the code of the page on workers: real processes, a real broker."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

from tests.docs.pages import page
from tests.staging.patience import until
from tests.staging.tools import tool

tool("celery")
tool("arq")

TASKS = 8
SECTION = "class Loop:"
BROKER = """
app.conf.broker_url = "filesystem://"
app.conf.broker_transport_options = {"data_folder_in": FOLDER, "data_folder_out": FOLDER}
app.conf.worker_hijack_root_logger = False
"""


def module(folder: Path) -> str:
    """What the page shows before its scripts, and of Celery, with a broker that needs no server."""
    blocks = [each.text for each in page("how-to/run-in-a-worker.md").blocks]
    celery = next(each for each in blocks if SECTION in each)
    return f"{blocks[0]}\n{celery}\nFOLDER = {str(folder)!r}\n{BROKER}"


async def ask(url: str, question: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        return int(await connection.fetchval(question) or 0)
    finally:
        await connection.close()


@pytest.mark.parametrize(
    ("pool", "driver"), [("prefork", "postgresql"), ("solo", "postgresql+psycopg")]
)
def test_tasks_of_a_worker_write_and_its_end_closes_the_database(
    pool: str, driver: str, database_url: str, tmp_path: Path
) -> None:
    (tmp_path / "queue").mkdir()
    (tmp_path / "mails.py").write_text(module(tmp_path / "queue"))
    environment = {
        **os.environ,
        "DATABASE_URL": database_url.replace("postgresql", driver, 1),
        "DATABASE_APPLICATION_NAME": "worker",
        "PYTHONWARNINGS": "default::ResourceWarning",
    }
    asyncio.run(
        ask(database_url, "CREATE TABLE mail (number int PRIMARY KEY, sent_by int NOT NULL)")
    )
    command = ["-m", "celery", "--app", "mails", "worker", "--pool", pool, "--concurrency", "2"]
    with (tmp_path / "log").open("wb") as log:
        worker = subprocess.Popen(
            [sys.executable, *command], cwd=tmp_path, env=environment, stdout=log, stderr=log
        )
    try:
        sender = f"import mails; [mails.send_mail.delay(number) for number in range({TASKS})]"
        subprocess.run([sys.executable, "-c", sender], cwd=tmp_path, env=environment, check=True)

        def are_sent() -> bool:
            assert worker.poll() is None, (tmp_path / "log").read_text()
            return asyncio.run(ask(database_url, "SELECT count(*) FROM mail")) == TASKS

        asyncio.run(until(lambda: asyncio.to_thread(are_sent)))
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.wait(60)
    processes = asyncio.run(ask(database_url, "SELECT count(DISTINCT sent_by) FROM mail"))
    written = (tmp_path / "log").read_text()

    assert 1 <= processes <= (2 if pool == "prefork" else 1)
    assert "ResourceWarning" not in written, written
    assert "Traceback" not in written, written
