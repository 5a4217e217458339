"""Sends mails by each way of the page, and by a forked process."""

import asyncio
import warnings
from importlib import import_module
from multiprocessing import get_context
from typing import Any

from sqlmodel import select

arq, worker, fakeredis = map(import_module, ("arq", "arq.worker", "fakeredis"))


async def use(page: dict[str, Any]) -> None:
    database, mail = page["database"], page["Mail"]
    # asyncio.run in this process would need a thread, and that a Database of its own.
    forked = get_context("fork").Process(target=lambda: in_no_loop(page["job"], 10))
    forked.start()
    await asyncio.to_thread(forked.join)

    assert forked.exitcode == 0
    queue: Any = type("FakeQueue", (fakeredis.FakeAsyncRedis, arq.ArqRedis), {})()
    settings = page["WorkerSettings"]
    await queue.enqueue_job("send_job", 11)
    await queue.enqueue_job("send_job", 12)
    # fakeredis does not know INFO.
    worker.log_redis_info = say_nothing  # type: ignore[attr-defined]
    arq_worker = arq.Worker(
        functions=settings.functions,
        on_startup=settings.on_startup,
        on_shutdown=settings.on_shutdown,
        redis_pool=queue,
        burst=True,
        handle_signals=False,
    )

    assert await arq_worker.run_check() == 2
    # arq closes its queue by a name that its client deprecates.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        await arq_worker.close()
    assert not database.is_open
    async with database, database.reader() as reader:
        numbers = list((await reader.exec(select(mail.number).order_by(mail.number))).all())
    assert numbers == [1, 2, 5, 10, 11, 12]


async def say_nothing(*_: object) -> None:
    """Log nothing of a server that is none."""


def in_no_loop(job: Any, number: int) -> None:
    asyncio.set_event_loop(None)
    asyncio.events._set_running_loop(None)  # noqa: SLF001 - the child of a running loop
    job(number)
