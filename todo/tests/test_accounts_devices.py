"""The names of devices."""

import pytest

from todo.accounts.devices import LONGEST_NAME, device_of

MOZILLA = "Mozilla/5.0 ({}) AppleWebKit/537.36 (KHTML, like Gecko) {}"
CHROME = "Chrome/140.0 Safari/537.36"
SAFARI = "Version/26.0 Safari/604.1"


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        (MOZILLA.format("Windows NT 10.0", CHROME), "Chrome on Windows"),
        (MOZILLA.format("Windows NT 10.0", f"{CHROME} Edg/140.0"), "Edge on Windows"),
        (MOZILLA.format("Linux; Android 16", CHROME), "Chrome on Android"),
        (MOZILLA.format("iPhone; like Mac OS X", SAFARI), "Safari on iPhone"),
        (MOZILLA.format("Macintosh; Intel", SAFARI), "Safari on Mac"),
        ("curl/8.16.0", "curl"),
        ("python-httpx2/1.0", "python-httpx2"),
        ("My App", "My"),
        ("", None),
        (None, None),
        ("\x1b[31m", None),
        ("\u202eevil", None),
    ],
)  # fmt: skip
def test_a_header_becomes_a_short_name(header: str | None, name: str | None) -> None:
    assert device_of(header) == name


def test_a_long_header_becomes_a_short_name_as_well() -> None:
    assert device_of("a" * 100_000) == "a" * LONGEST_NAME
