"""The address that is listened on."""

import errno
import socket

import pytest

from todo.listening import AddressError, listen


def test_port_0_takes_a_free_port() -> None:
    with listen("127.0.0.1", 0) as listener:
        assert listener.getsockname()[1] > 0


def test_a_client_is_kept_waiting_before_the_workers_are_up() -> None:
    with (
        listen("127.0.0.1", 0) as listener,
        socket.create_connection(listener.getsockname(), timeout=5) as connection,
    ):
        assert connection.getpeername() == listener.getsockname()


def test_answers_go_out_at_once_whichever_event_loop_serves() -> None:
    with listen("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP


def test_an_ipv6_address_can_be_listened_on() -> None:
    with listen("::1", 0) as listener:
        assert listener.family == socket.AF_INET6


def test_a_taken_port_is_told_in_one_sentence_with_the_way_out() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(AddressError) as caught:
            listen("127.0.0.1", port)

    assert str(caught.value) == (
        f"Cannot listen on 127.0.0.1 port {port}: Address already in use. "
        "Stop the program that uses it, or choose another one with --port (or PORT)."
    )


def test_a_port_that_only_root_may_use_is_told_with_the_way_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    # Tests may run as root, and some kernels let everybody have any port.
    monkeypatch.setattr(socket.socket, "bind", refuse)

    with pytest.raises(AddressError) as caught:
        listen("127.0.0.1", 80)

    assert str(caught.value) == (
        "Cannot listen on 127.0.0.1 port 80: Permission denied. Ports below 1024 are for root. "
        "Choose --port 8000 (or PORT), and let a proxy in front, or Docker's "
        "--publish 80:8000, use the other one."
    )


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(AddressError, match=r"Cannot listen on 192\.0\.2\.1 port 0: .* --host "):
        listen("192.0.2.1", 0)


def test_a_host_that_is_none_is_refused() -> None:
    with pytest.raises(AddressError, match="Cannot listen on not a host: "):
        listen("not a host", 0)
