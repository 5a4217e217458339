"""The staged Neon does what it says: the figures of the sleep rest on it."""

import asyncio
import re
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import asyncpg
import psycopg
import pytest

from tests.staging.embedded import crash
from tests.staging.neon import Figures, ProxyError, StagedNeon, StoppedPostgres, messages
from tests.staging.pki import PKI
from wellhead.testing import framing

pytestmark = pytest.mark.slow

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

CLIENTS = 100
BRIEFLY = 0.6
"""Seconds of idleness, where a compute is to fall asleep."""


@pytest.fixture
async def neon(
    stopped_postgres: StoppedPostgres, pki: PKI, tmp_path: Path
) -> AsyncIterator[StagedNeon]:
    """One that sleeps only when it is told to."""
    async with StagedNeon(stopped_postgres, pki, tmp_path) as neon:
        yield neon


@pytest.fixture
async def sleepy(
    stopped_postgres: StoppedPostgres, pki: PKI, tmp_path: Path
) -> AsyncIterator[StagedNeon]:
    """One that falls asleep as soon as it is unused."""
    async with StagedNeon(stopped_postgres, pki, tmp_path, suspend_after=BRIEFLY) as neon:
        yield neon


@asynccontextmanager
async def connected(neon: StagedNeon, **arguments: Any) -> AsyncIterator[Connection]:
    connection = await asyncpg.connect(neon.address_url(), **arguments)
    try:
        yield connection
    finally:
        connection.terminate()


async def refusal(url: str, **arguments: Any) -> tuple[str, str]:
    """The code and the text with which a connection is refused."""
    with pytest.raises(asyncpg.PostgresError) as caught:
        await asyncpg.connect(url, **arguments)
    return str(caught.value.sqlstate), str(caught.value)


def without_options(url: str) -> str:
    return re.sub(r"options=[^&]*&", "", url)


class TestSleep:
    async def test_a_hundred_clients_at_once_start_the_compute_once(self, neon: StagedNeon) -> None:
        async def ask(number: int) -> object:
            async with connected(neon) as connection:
                return await connection.fetchval("SELECT $1::int", number)

        answers = await asyncio.gather(*(ask(number) for number in range(CLIENTS)))

        figures = neon.figures()
        assert answers == list(range(CLIENTS))
        assert (figures.starts, figures.connections, figures.reached) == (1, CLIENTS, CLIENTS)

    async def test_who_connects_while_it_falls_asleep_wakes_it_again(
        self, neon: StagedNeon
    ) -> None:
        async with connected(neon) as connection:
            await connection.execute("DROP TABLE IF EXISTS kept")
            await connection.execute("CREATE TABLE kept AS SELECT 42 AS value")
            falling = asyncio.create_task(neon.suspend())
            await asyncio.sleep(0)
            async with connected(neon) as another:
                assert await another.fetchval("SELECT value FROM kept") == 42
            await falling

        assert (neon.figures().starts, neon.figures().suspends) == (2, 1)

    async def test_open_connections_do_not_keep_it_awake_and_end_with_57p01(
        self, sleepy: StagedNeon
    ) -> None:
        async with (
            connected(sleepy) as noticing,
            await psycopg.AsyncConnection.connect(sleepy.address_url()) as unaware,
        ):
            await sleepy.wait_until_asleep()
            before = sleepy.figures()
            with pytest.raises(psycopg.errors.AdminShutdown):
                await unaware.execute("SELECT 1")

        assert noticing.is_closed()
        assert (before.starts, before.suspends) == (1, 1)
        assert sleepy.figures() == before

    async def test_a_transaction_keeps_it_awake(self, sleepy: StagedNeon) -> None:
        async with connected(sleepy) as connection:
            async with connection.transaction():
                await connection.execute("SELECT 1")
                await asyncio.sleep(2 * BRIEFLY)
                assert sleepy.figures().suspends == 0
            await sleepy.wait_until_asleep()

        assert sleepy.figures().suspends == 1

    async def test_a_long_statement_keeps_it_awake(self, sleepy: StagedNeon) -> None:
        async with connected(sleepy) as connection:
            await connection.execute(f"SELECT pg_sleep({2 * BRIEFLY})")

            assert sleepy.figures().suspends == 0

    async def test_nothing_passes_while_it_sleeps(self, neon: StagedNeon) -> None:
        async with connected(neon) as connection:
            await connection.execute("SELECT 1")
        await neon.suspend()
        figures = neon.figures()

        assert figures.bytes_to_compute > 0
        assert figures.bytes_from_compute > 0
        assert (figures.reached, figures.suspends) == (1, 1)
        assert not neon.compute.is_awake


class TestRefusals:
    async def test_who_names_no_endpoint_is_refused(self, neon: StagedNeon) -> None:
        answer = await refusal(without_options(neon.address_url()))

        assert answer == ("XX000", ProxyError.NO_NAME)

    @pytest.mark.usefixtures("neon_names")
    async def test_the_name_in_the_handshake_is_enough(self, neon: StagedNeon) -> None:
        connection = await asyncpg.connect(neon.url())
        connection.terminate()

        assert neon.figures().reached == 1

    @pytest.mark.usefixtures("neon_names")
    async def test_two_names_that_differ_are_refused(self, neon: StagedNeon) -> None:
        answer = await refusal(f"{neon.url()}&options=endpoint%3Dep-other-1")

        assert answer == ("XX000", ProxyError.TWO_NAMES)

    async def test_an_endpoint_that_is_not_there_is_not_found(self, neon: StagedNeon) -> None:
        answer = await refusal(neon.address_url().replace("ep-cool", "ep-warm"))

        assert answer == ("XX000", ProxyError.NO_ENDPOINT)

    async def test_plain_text_is_refused(self, neon: StagedNeon) -> None:
        answer = await refusal(neon.address_url(), ssl=False)

        assert answer == ("XX000", ProxyError.INSECURE)

    async def test_a_strange_authority_is_not_trusted(self, neon: StagedNeon, pki: PKI) -> None:
        url = neon.address_url().replace(str(pki.ca_file), str(pki.stranger_ca_file))

        with pytest.raises(ssl.SSLCertVerificationError):
            await asyncpg.connect(url)

    @pytest.mark.parametrize("text", ProxyError)
    async def test_whatever_the_proxy_is_told_to_say_reaches_nobody_but_the_client(
        self, neon: StagedNeon, text: ProxyError
    ) -> None:
        neon.refuse(text, times=2)

        answers = [await refusal(neon.address_url()) for _ in range(2)]

        assert answers == [("XX000", text)] * 2
        assert neon.figures() == Figures(connections=2)

    async def test_it_refuses_no_more_often_than_it_was_told(self, neon: StagedNeon) -> None:
        neon.refuse(ProxyError.CONTROL_PLANE, times=1)
        await refusal(neon.address_url())
        async with connected(neon):
            pass
        neon.refuse(ProxyError.CONTROL_PLANE)
        neon.accept()
        async with connected(neon):
            pass

        assert neon.figures().reached == 2

    async def test_a_compute_that_died_cannot_be_connected_to(
        self, neon: StagedNeon, stopped_postgres: StoppedPostgres
    ) -> None:
        async with connected(neon):
            await asyncio.to_thread(crash, stopped_postgres.server)

        answer = await refusal(neon.address_url())

        assert answer == ("XX000", ProxyError.COULD_NOT_CONNECT)

    async def test_a_password_is_the_computes_to_check(self, neon: StagedNeon) -> None:
        code, _ = await refusal(neon.address_url(), password="wrong")

        assert (code, neon.figures().starts) == ("28P01", 1)


class TestWire:
    async def test_what_is_not_on_the_list_is_dropped(self, neon: StagedNeon) -> None:
        dropped = {"work_mem": "1234kB", "application_name": "the shop"}
        async with connected(neon, server_settings=dropped) as connection:
            assert await connection.fetchval("SHOW work_mem") != "1234kB"
            # The endpoint's name was in the options of the URL, which these replace.
        named = {"options": "endpoint=ep-cool-darkness-a1b2c3d4 -c work_mem=1234kB"}
        async with connected(neon, server_settings=named | dropped) as connection:
            assert await connection.fetchval("SHOW work_mem") == "1234kB"
            assert await connection.fetchval("SHOW application_name") == "the shop"

    @pytest.mark.parametrize("at_once", [False, True])
    async def test_tls_begins_on_request_or_at_once(
        self, neon: StagedNeon, *, at_once: bool
    ) -> None:
        async with connected(neon, direct_tls=at_once) as connection:
            assert await connection.fetchval("SELECT 1") == 1

    async def test_a_statement_can_be_cancelled(self, neon: StagedNeon) -> None:
        async with connected(neon) as connection:
            with pytest.raises(TimeoutError):
                await connection.execute("SELECT pg_sleep(60)", timeout=0.1)
            assert await connection.fetchval("SELECT 1") == 1

    async def test_to_cancel_a_statement_wakes_nobody(self, neon: StagedNeon) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", neon.port)
        writer.write(messages.write_start(framing.CANCEL_REQUEST, bytes(8)))

        assert await reader.read() == b""
        assert neon.figures() == Figures(connections=1)
        writer.close()

    async def test_much_passes_unharmed(self, neon: StagedNeon) -> None:
        async with connected(neon) as connection:
            text = "x" * 3_000_000
            assert await connection.fetchval("SELECT $1::text || '!'", text) == f"{text}!"

        assert neon.figures().bytes_to_compute > len(text)
        assert neon.figures().bytes_from_compute > len(text)

    def test_the_servers_messages_are_read_in_any_chunks(self) -> None:
        stream = framing.refusal("57P01", "gone", severity="FATAL") + b"Z\0\0\0\x05I"

        for size in (1, 2, 7, len(stream)):
            parts = framing.Messages()
            found = [
                message
                for begin in range(0, len(stream), size)
                for message in parts.read(stream[begin : begin + size])
            ]
            assert [kind for kind, _ in found] == [b"E", b"Z"]
            assert found[1][1] == b"I"

    async def test_another_program_finds_and_trusts_it_under_neons_name(
        self, neon: StagedNeon
    ) -> None:
        program = (
            "import asyncio, sys, asyncpg\n"
            "async def main():\n"
            "    connection = await asyncpg.connect(sys.argv[1], ssl=True)\n"
            "    print(await connection.fetchval('SELECT 42'))\n"
            "    await connection.close()\n"
            "asyncio.run(main())\n"
        )
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", program, neon.url()),
            env=neon.environment,
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await process.communicate()

        assert output.strip() == b"42"
