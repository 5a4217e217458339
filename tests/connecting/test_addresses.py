"""Which kinds of addresses hosts have."""

import socket
from collections.abc import Sequence

import pytest

from wellhead.connecting import addresses
from wellhead.connecting.addresses import have_ipv4
from wellhead.url import Host


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine of any speed."""
    monkeypatch.setattr(addresses, "_PATIENCE", 60.0)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["127.0.0.1"], True),
        (["::1"], False),
        (["::1", "127.0.0.1"], True),
        (["::1", "::2"], False),
        (["/run/postgresql"], True),
        (["nowhere.invalid"], True),
    ],
)
async def test_hosts_without_an_ipv4_address_are_known(
    names: Sequence[str], expected: bool
) -> None:
    assert await have_ipv4([Host(name) for name in names]) is expected


async def test_a_resolver_that_does_not_answer_decides_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_args: object, **_keywords: object) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)

    assert await have_ipv4([Host("db.example")])
