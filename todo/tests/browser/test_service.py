"""What tests do to the service and its database: the client's address stays the same."""

import pytest
from browser.findings import Findings
from browser.service import DatabaseServer, Service
from browser.visitors import Visitors
from httpx2 import AsyncClient, ConnectError
from staged import make_account

from wellhead.testing.proxy import TCPProxy


async def test_a_service_is_stopped_killed_and_started_at_one_address(
    breakable_service: Service, visitors: Visitors, findings: Findings
) -> None:
    findings.expect("Failed to load resource")
    page = await visitors.come(breakable_service.address)
    for end in (breakable_service.stop, breakable_service.kill):
        await end()
        async with AsyncClient(base_url=breakable_service.address) as client:
            with pytest.raises(ConnectError):
                await client.get("/")
        await breakable_service.start()

        response = await page.reload()

        assert response is not None
        assert response.status == 200


async def test_a_database_server_keeps_its_data_however_it_ends(
    breakable_service: Service, database_server: DatabaseServer
) -> None:
    async with AsyncClient(base_url=breakable_service.address, timeout=None) as client:
        account = await make_account(client)
        for end in (database_server.stop, database_server.kill):
            await end()
            down = await client.get("/api/me/tasks", headers=account.headers)
            await database_server.start()
            up = down
            while up.status_code == 503:
                up = await client.get("/api/me/tasks", headers=account.headers)

            assert (down.status_code, up.status_code) == (503, 200)


async def test_the_network_between_is_cut(
    network: TCPProxy, visitors: Visitors, findings: Findings
) -> None:
    page = await visitors.come(f"http://127.0.0.1:{network.port}")
    await network.refuse()
    await network.cut()
    await page.evaluate("fetch('health').catch(() => {})")
    await network.accept()
    status = await page.evaluate("fetch('health').then((response) => response.status)")

    assert status == 200
    findings.expect("ERR_CONNECTION_REFUSED")
