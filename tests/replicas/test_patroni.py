"""What Patroni says of its members: what is understood, and what is refused."""

import ssl

import pytest

from tests.staging.patroni import HEAD, cluster, member, responding
from tests.staging.pki import PKI
from wellhead.replicas import patroni as module
from wellhead.replicas.patroni import LARGEST, MOST, Patroni, PatroniError, replicas_in
from wellhead.url.rest_api import PatroniURL

LEADER = member("one", "leader", "running", timeline=4)
REPLICA = member("two", "replica", "streaming", timeline=4, lag=0)


def found(*members: object) -> list[str]:
    return [str(host) for host in replicas_in(cluster(*members))]


def test_patroni_4_names_the_replicas_that_stream() -> None:
    # As `cluster_as_json` of Patroni 4.1 writes it.
    lags = {"receive_lag": 0, "receive_lsn": "0/5000060", "lag": 0, "lsn": "0/5000060"}
    sync = member("two", "sync_standby", "streaming", timeline=4, replay_lag=0, **lags)
    quorum = member("three", "quorum_standby", "streaming", timeline=4, tags={"zone": "b"})
    archive = member("four", "replica", "in archive recovery", port=5433, lag="unknown")

    assert found(LEADER, sync, quorum, archive) == ["two", "three", "four:5433"]


def test_patroni_3_calls_every_one_running() -> None:
    # As `cluster_as_json` of Patroni 3.0 writes it.
    assert found(LEADER, member("two", "replica", "running", timeline=4, lag=16)) == ["two"]


def test_the_leader_of_a_standby_cluster_is_a_standby() -> None:
    assert found(member("one", "standby_leader", "streaming"), REPLICA) == ["one", "two"]


@pytest.mark.parametrize(
    "state", ["starting", "stopped", "crashed", "creating replica", "start failed", "a new state"]
)
def test_one_that_takes_no_connections_is_left_out(state: str) -> None:
    assert found(LEADER, member("two", "replica", state)) == []


def test_one_that_was_never_started_has_no_host() -> None:
    nameless = {"name": "two", "role": "replica", "state": "running", "api_url": ""}

    assert found(LEADER, nameless) == []


def test_one_that_is_not_to_be_balanced_to_is_left_out() -> None:
    assert found(LEADER, {**REPLICA, "tags": {"noloadbalance": True}}) == []
    assert found(LEADER, {**REPLICA, "tags": {"noloadbalance": False}}) == ["two"]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe{", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"members": ' + b"9" * 10_000 + b"}", "not JSON"),
        (b"[]", "names no members"),
        (b'{"members": []}', "names no members"),
        (b'{"members": {"0": 1}}', "names no members"),
        (cluster(*[REPLICA] * (MOST + 1)), "names 101 members"),
        (cluster(LEADER, "two"), "member 2 is not an object"),
        (cluster({**REPLICA, "role": ["replica"]}), "member 1 has no role"),
        (cluster({**REPLICA, "state": None}), "member 1 has no role or no state"),
        (cluster({**REPLICA, "host": "/var/run/postgresql"}), "has a host that is none"),
        (cluster({**REPLICA, "host": "two,three"}), "has a host that is none"),
        (cluster({**REPLICA, "host": "two\nthree"}), "has a host that is none"),
        (cluster({**REPLICA, "host": "a" * 500_000}), "has a host that is none"),
        (cluster({**REPLICA, "host": ""}), "has a host that is none"),
        (cluster({**REPLICA, "port": 0}), "has a port that is none"),
        (cluster({**REPLICA, "port": True}), "has a port that is none"),
        (cluster({**REPLICA, "port": "5432"}), "has a port that is none"),
    ],
    ids=str,
)
def test_any_other_response_is_refused_whole(body: bytes, why: str) -> None:
    with pytest.raises(PatroniError, match=why):
        replicas_in(body)


def patroni(*ports: int, form: str = "http://127.0.0.1:{}") -> Patroni:
    return Patroni([PatroniURL.parse(form.format(port)) for port in ports])


async def test_it_is_asked_by_one_request() -> None:
    async with responding(HEAD, b"\r\n", cluster(LEADER, REPLICA)) as (port, asked):
        form = "http://reader:se%40cret@127.0.0.1:{}/fleet/"
        [host] = await patroni(port, form=form).replicas()

    assert str(host) == "two"
    assert asked[0].startswith(b"GET /fleet/cluster HTTP/1.0\r\n")
    assert b"\r\nAuthorization: Basic cmVhZGVyOnNlQGNyZXQ=\r\n" in asked[0]


async def test_a_response_with_a_length_is_not_waited_for_any_longer() -> None:
    body = cluster(LEADER, REPLICA)
    length = b"Content-Length: %d\r\n\r\n" % len(body)
    async with responding(HEAD, length, body, stays=True) as (port, _):
        assert len(await patroni(port).replicas()) == 1


@pytest.mark.parametrize(
    ("pieces", "why"),
    [
        ([], "ended too early"),
        ([b"HTTP/1.0 503 Service Unavailable\r\n\r\n", cluster(REPLICA)], "has the status 503"),
        ([b"HTTP/1.0 301 Moved\r\nLocation: http://127.0.0.1:1/\r\n\r\n"], "has the status 301"),
        ([b"SSH-2.0-OpenSSH_9.2\r\n\r\n"], "is not HTTP"),
        ([HEAD, b"\r\n", b"<html>"], "is not JSON"),
        ([HEAD, b"Content-Length: 99\r\n\r\n", b"{}"], "ended too early"),
        ([HEAD, b"Content-Length: 99999999999\r\n\r\n"], f"more than {LARGEST} bytes"),
        ([HEAD, b"\r\n", *[b" " * 65536] * 20], f"more than {LARGEST} bytes"),
        ([HEAD, *[b"X: " + b"x" * 8000 + b"\r\n"] * 20], "head has more than"),
    ],
    ids=["nothing", "503", "redirect", "ssh", "html", "short", "long", "endless", "head"],
)
async def test_what_is_no_response_of_patroni_is_refused(pieces: list[bytes], why: str) -> None:
    async with responding(*pieces) as (port, _):
        with pytest.raises(PatroniError, match=why):
            await patroni(port).replicas()


async def test_a_response_that_does_not_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.2)
    async with responding(HEAD, stays=True) as (port, _):
        with pytest.raises(PatroniError, match=r"no whole response within 0\.2 s"):
            await patroni(port).replicas()


async def test_the_address_that_responded_last_is_asked_first() -> None:
    body = [HEAD, b"\r\n", cluster(LEADER, REPLICA)]
    async with responding(b"nothing\r\n\r\n") as (bad, refused), responding(*body) as (good, asked):
        asking = patroni(bad, good)
        await asking.replicas()
        await asking.replicas()

    assert (len(refused), len(asked)) == (1, 2)


async def test_without_any_response_every_address_is_named_and_no_password() -> None:
    async with responding(b"nothing\r\n\r\n") as (one, _), responding() as (other, _):
        with pytest.raises(PatroniError) as caught:
            await patroni(one, other, form="http://reader:secret@127.0.0.1:{}").replicas()

    assert str(caught.value) == (
        f"http://reader:***@127.0.0.1:{one}: the response is not HTTP; "
        f"http://reader:***@127.0.0.1:{other}: the response ended too early"
    )


async def test_its_certificate_is_verified_and_it_may_ask_for_ours(pki: PKI) -> None:
    own, body = pki.issue("patroni", "127.0.0.1"), [HEAD, b"\r\n", cluster(LEADER, REPLICA)]
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=pki.ca_file)
    context.load_cert_chain(own.cert_file, own.key_file)
    context.verify_mode = ssl.CERT_REQUIRED
    roots = f"https://127.0.0.1:{{}}?sslrootcert={pki.ca_file}"
    ours = f"&sslcert={pki.client.cert_file}&sslkey={pki.client.key_file}"
    async with responding(*body, ssl=context) as (port, _):
        assert len(await patroni(port, form=roots + ours).replicas()) == 1

        for form, why in [
            (roots, "no connection|ended too early"),
            (f"https://127.0.0.1:{{}}?sslrootcert={pki.stranger_ca_file}{ours}", "no connection"),
            ("https://127.0.0.1:{}", "no connection"),
            ("https://127.0.0.1:{}?sslrootcert=/no/such", "does not exist"),
        ]:
            with pytest.raises(PatroniError, match=why):
                await patroni(port, form=form).replicas()
