"""Asks the routes of the page on isolation levels, and looks at what it made."""

from typing import Any

from httpx2 import ASGITransport, AsyncClient
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError, InvalidRequestError

from wellhead import Fault, classify


async def use(page: dict[str, Any]) -> None:
    database, doctor = page["database"], page["Doctor"]
    assert database.run_stats().retried == {Fault.SERIALIZATION: 1}
    transport = ASGITransport(page["app"])
    async with database, AsyncClient(transport=transport, base_url="http://test") as client:
        assert await page["report"](database) == (2, 1)
        for number in (1, 2):
            assert (await client.post(f"/doctors/{number}/return")).status_code == 200
        assert await page["report"](database) == (2, 2)
        left = [(await client.post(f"/doctors/{number}/leave")).json() for number in (1, 2)]
        assert left == [True, False]
        await fails_alone(database, page)
        async with database.session() as session:
            await session.connection(execution_options=page["SAFE"])
            names = ("isolation", "read_only", "deferrable")
            settings = [func.current_setting(f"transaction_{name}") for name in names]
            assert tuple((await session.execute(select(*settings))).one()) == (
                "serializable",
                "on",
                "on",
            )
        async with database.session() as session:
            await session.get(doctor, 1)
            try:
                await page["serializable"](session)
            except InvalidRequestError:
                pass
            else:
                raise AssertionError


async def fails_alone(database: Any, page: dict[str, Any]) -> None:
    """In a session nothing runs again, and the failure is 40001."""
    rows = select(page["Doctor"]).order_by(page["Doctor"].id)
    try:
        async with database.session() as slow:
            await page["serializable"](slow)
            doctors = (await slow.scalars(rows)).all()
            async with database.session() as quick:
                await page["serializable"](quick)
                (await quick.scalars(rows)).all()[0].is_on_call = True
            doctors[1].is_on_call = False
    except DBAPIError as error:
        meaning = classify(error)
        assert (meaning.sqlstate, meaning.http_status, meaning.retry_after) == ("40001", 503, 1)
    else:
        raise AssertionError
