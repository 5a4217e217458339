"""What Neon's proxy says by itself, driven for real: each of its errors, by either driver."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.staging.neon import Figures, ProxyError, StagedNeon, StoppedPostgres
from tests.staging.pki import PKI
from wellhead import ConnectError, Database, DatabaseSettings, Fault, classify

MEANS = {
    ProxyError.COULD_NOT_CONNECT: Fault.STARTING,
    ProxyError.CONTROL_PLANE: Fault.STARTING,
    ProxyError.TOO_MANY_ATTEMPTS: Fault.TOO_MANY_CONNECTIONS,
    ProxyError.NO_PERMIT: Fault.TOO_MANY_CONNECTIONS,
    ProxyError.RATE_LIMIT: Fault.TOO_MANY_CONNECTIONS,
    ProxyError.ACTIVE_ENDPOINTS: Fault.TOO_MANY_CONNECTIONS,
    ProxyError.NO_ENDPOINT: Fault.DATABASE_NOT_FOUND,
    ProxyError.NO_NAME: Fault.REFUSED,
    ProxyError.TWO_NAMES: Fault.REFUSED,
    ProxyError.INSECURE: Fault.TLS,
}


@pytest.fixture
async def neon(
    stopped_postgres: StoppedPostgres, pki: PKI, tmp_path: Path
) -> AsyncIterator[StagedNeon]:
    """One that sleeps only when it is told to."""
    async with StagedNeon(stopped_postgres, pki, tmp_path) as neon:
        yield neon


@pytest.fixture
def url(scheme: str, neon: StagedNeon) -> str:
    """The way to the compute, for either driver."""
    return neon.address_url().replace("postgresql", scheme, 1)


def test_every_error_of_the_proxy_has_a_meaning() -> None:
    assert set(MEANS) == set(ProxyError)


@pytest.mark.parametrize("text", ProxyError)
async def test_an_error_of_the_proxy_is_known_by_its_text(
    neon: StagedNeon, url: str, text: ProxyError
) -> None:
    neon.refuse(text)

    with pytest.raises(ConnectError) as caught:
        await Database(DatabaseSettings(url=url, connect_retry_count=1)).open()

    assert classify(caught.value).fault is MEANS[text]
    assert caught.value.args[0].startswith(f"Could not connect to 127.0.0.1:{neon.port}: ")
    assert text.rstrip(".") in caught.value.args[0]
    assert neon.figures() == Figures(connections=1)
