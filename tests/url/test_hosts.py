"""Hosts, addresses, socket directories and ports in every form."""

import pytest

from wellhead.errors import URLError
from wellhead.url import Host, PostgresURL


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("postgresql://db.example.com/app", (Host("db.example.com", 5432),)),
        ("postgresql://u:p@db.example.com:6000/app", (Host("db.example.com", 6000),)),
        ("postgresql://127.0.0.1/app", (Host("127.0.0.1", 5432),)),
        ("postgresql://[::1]/app", (Host("::1", 5432),)),
        ("postgresql://u@[2001:db8::1]:5433/app", (Host("2001:db8::1", 5433),)),
        ("postgresql://[fe80::1%25eth0]/app", (Host("fe80::1%eth0", 5432),)),
        ("postgresql://bücher.example/app", (Host("bücher.example", 5432),)),
        ("postgresql://a,b/app", (Host("a", 5432), Host("b", 5432))),
        ("postgresql://a:1,[::1]:2,c/app", (Host("a", 1), Host("::1", 2), Host("c", 5432))),
        ("postgresql:///app?host=db.example.com", (Host("db.example.com", 5432),)),
        ("postgresql:///app?host=db.example.com&port=5433", (Host("db.example.com", 5433),)),
        ("postgresql:///app?host=a,b&port=5433", (Host("a", 5433), Host("b", 5433))),
        ("postgresql:///app?host=a,b&port=5433,5434", (Host("a", 5433), Host("b", 5434))),
        ("postgresql:///app?host=a:5433&host=b:5434", (Host("a", 5433), Host("b", 5434))),
        ("postgresql:///app?host=::1,[::2]:5433", (Host("::1", 5432), Host("::2", 5433))),
        ("postgresql://a,b/app?port=5433", (Host("a", 5433), Host("b", 5433))),
        ("postgresql:///app?host=/run/postgresql", (Host("/run/postgresql", 5432),)),
        ("postgresql://%2Frun%2Fpostgresql:5433/app", (Host("/run/postgresql", 5433),)),
        ("postgresql://u:p@:5433/app?host=/run/postgresql", (Host("/run/postgresql", 5433),)),
        ("postgresql://u@/app?host=/run/postgresql", (Host("/run/postgresql", 5432),)),
    ],
)
def test_hosts_and_ports_are_read_in_every_form(text: str, hosts: tuple[Host, ...]) -> None:
    url = PostgresURL.parse(text)

    assert url.hosts == hosts
    assert PostgresURL.parse(url.render(hide_password=False)).hosts == hosts


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("postgresql:///app", "has no host"),
        ("postgresql://user:word@/app", "has no host"),
        ("postgresql://a,,b/app", "empty host name"),
        ("postgresql://a,/app", "empty host name"),
        ("postgresql://:5432/app", "empty host name"),
        ("postgresql://2001:db8::1/app", "several ':'.*brackets"),
        ("postgresql://[localhost]/app", "no IPv6 address between its brackets"),
        ("postgresql://[::1/app", "no IPv6 address between its brackets"),
        ("postgresql://[::1]5432/app", "no IPv6 address between its brackets"),
        ("postgresql://h%3Fst/app", "a character in its host"),
        ("postgresql://a/app?host=b", "has its host twice"),
        ("postgresql://a:5432/app?port=5433", "has its port twice"),
        ("postgresql://:5432/app?host=a&port=5433", "has its port twice"),
        ("postgresql:///app?host=a:5432&port=5433", "has its port twice"),
        ("postgresql:///app?host=a,b,c&port=1,2", "2 ports for 3 hosts"),
        ("postgresql://a,b/app?port=1,2,3", "3 ports for 2 hosts"),
        ("postgresql://a:0/app", "1 to 65535"),
        ("postgresql://a:65536/app", "1 to 65535"),
        ("postgresql://a:-1/app", "1 to 65535"),
        ("postgresql://a:/app", "1 to 65535"),
        ("postgresql://a:54\u0663/app", "1 to 65535"),
        ("postgresql:///app?host=a&port=x", "1 to 65535"),
    ],
)
def test_hosts_and_ports_that_cannot_be_are_refused(text: str, words: str) -> None:
    with pytest.raises(URLError, match=words):
        PostgresURL.parse(text)


def test_a_port_that_may_be_a_piece_of_a_password_is_not_shown() -> None:
    with pytest.raises(URLError) as refused:
        PostgresURL.parse("postgresql://user:hunter2/app")

    assert "hunter2" not in str(refused.value)
