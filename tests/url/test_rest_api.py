"""The addresses of Patroni's REST API: which are accepted, and that no password is shown."""

import pytest

from wellhead import URLError
from wellhead.url.rest_api import PatroniURL


def test_an_address_has_a_scheme_a_host_and_a_port() -> None:
    url = PatroniURL.parse("http://patroni-1.example.com:8008")

    assert (url.is_encrypted, url.host, url.port, url.path) == (
        False, "patroni-1.example.com", 8008, "",
    )  # fmt: skip
    assert url.authorization is None
    assert url.context() is None


@pytest.mark.parametrize(
    ("text", "host", "path"),
    [
        ("https://[::1]:8008/", "::1", ""),
        ("https://10.0.0.1:443/patroni", "10.0.0.1", "/patroni"),
        ("https://10.0.0.1:443/a/patroni-2/", "10.0.0.1", "/a/patroni-2"),
    ],
)
def test_it_may_have_an_address_or_a_path(text: str, host: str, path: str) -> None:
    url = PatroniURL.parse(text)

    assert (url.is_encrypted, url.host, url.path) == (True, host, path)
    assert str(url) == text.rstrip("/")


def test_user_and_password_are_decoded_and_the_password_is_never_shown() -> None:
    url = PatroniURL.parse("https://reader:se%40cret@one:8008")

    assert (url.user, url.password) == ("reader", "se@cret")
    assert str(url) == "https://reader:***@one:8008"
    assert "cret" not in repr(url)


def test_certificates_are_named_as_in_a_database_url() -> None:
    url = PatroniURL.parse("https://one:8008?sslrootcert=/etc/ca.pem&sslcert=/a&sslkey=/b%20c")

    assert dict(url.files) == {
        "sslrootcert": "/etc/ca.pem", "sslcert": "/a", "sslkey": "/b c",
    }  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "",
        "one:8008",
        "http://one",
        "http://one:0",
        "http://one:70000",
        "http://:8008",
        "ftp://one:8008",
        "http://one:8008#hunter2",
        "http://reader@one:8008",
        "http://reader:hunter2/@one:8008",
        "http://reader:hun@ter2@one:8008",
        "http://reader:hunter2@one two:8008",
        "http://one:8008/cluster\r\nHost: hunter2",
        "https://one:8008?password=hunter2",
        "https://one:8008?sslrootcert=",
        "http://one:8008?sslrootcert=/etc/hunter2",
        "http://" + "a" * 100_000,
        "http://one:8008" + "/a" * 50_000 + "?",
    ],
    ids=range(18),
)
def test_any_other_text_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(URLError, match="address of Patroni") as caught:
        PatroniURL.parse(text)

    assert "hunter2" not in str(caught.value)
    assert len(str(caught.value)) < 300
