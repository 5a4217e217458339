"""What a client has seen: when it may read at a replica, and when it has to ask first."""

import pytest

from wellhead.replicas import Client, Seen, as_client
from wellhead.replicas.seen import NEVER, as_nobody, current_client


def settled(seen: Seen, lsn: int) -> None:
    seen.take(seen.ask(), lsn)


def test_a_client_that_has_seen_nothing_may_read_anywhere() -> None:
    seen = Seen()

    assert not seen.is_due
    assert seen.may_read("a")
    assert seen.mark == ""


def test_a_use_of_the_primary_is_due_until_the_primary_was_asked() -> None:
    seen = Seen()

    seen.use_primary()
    was_due = seen.is_due
    settled(seen, 70)

    assert (was_due, seen.is_due, seen.lsn) == (True, False, 70)


def test_a_use_while_the_primary_is_asked_stays_due() -> None:
    seen = Seen()
    seen.use_primary()
    asked = seen.ask()

    seen.use_primary()
    seen.take(asked, 70)

    assert seen.is_due


def test_answers_that_arrive_in_another_order_lower_nothing() -> None:
    seen = Seen()
    seen.use_primary()
    early = seen.ask()
    seen.use_primary()
    late = seen.ask()

    seen.take(late, 90)
    seen.take(early, 70)

    assert seen.lsn == 90
    assert not seen.is_due


def test_once_the_primary_was_asked_what_was_not_known_is_known() -> None:
    seen = Seen(NEVER)

    settled(seen, 70)

    assert seen.lsn == 70


def test_after_a_read_at_one_replica_no_other_may_be_read() -> None:
    seen = Seen()

    seen.read_at("a")

    assert seen.may_read("a")
    assert not seen.may_read("b")


def test_after_reads_at_two_replicas_at_once_neither_may_be_read() -> None:
    seen = Seen()

    seen.read_at("a")
    seen.read_at("b")

    assert not seen.may_read("a")
    assert not seen.may_read("b")


def test_once_the_primary_was_asked_every_replica_may_be_read_again() -> None:
    seen = Seen()
    seen.read_at("a")

    settled(seen, 70)

    assert seen.may_read("b")


def test_a_read_that_is_in_progress_while_the_primary_is_asked_keeps_its_replica() -> None:
    seen = Seen()
    with seen.reading():
        seen.read_at("a")
        asked = seen.ask()
    seen.take(asked, 70)
    assert not seen.may_read("b")

    asked = seen.ask()
    with seen.reading():
        seen.take(asked, 80)
    assert not seen.may_read("b")

    asked = seen.ask()
    seen.read_at("a")
    seen.take(asked, 90)
    assert not seen.may_read("b")


@pytest.mark.parametrize(
    "seen",
    [Seen(), Seen(0x16_B374D848), Seen(7, "ab12"), Seen(0, "ab12"), Seen(7, ""), Seen(NEVER)],
    ids=["nothing", "position", "both", "replica", "two replicas", "unknown"],
)
def test_a_mark_says_the_same_to_another(seen: Seen) -> None:
    other = Seen.parse(seen.mark)

    assert (other.lsn, other.server) == (seen.lsn, seen.server)
    assert not other.is_due


def test_several_marks_mean_all_of_them() -> None:
    both = Seen.parse("0/7@ab12", "", "0/9")
    mixed = Seen.parse("0/7@ab12", "0/9@cd34")

    assert (both.lsn, both.server) == (9, "ab12")
    assert mixed.lsn == 9
    assert not mixed.may_read("ab12")
    assert not mixed.may_read("cd34")


def test_the_mark_has_the_form_of_the_servers_positions() -> None:
    assert Seen(0x16_B374D848, "ab12").mark == "16/B374D848@ab12"


@pytest.mark.parametrize("text", ["x", "16/", "1/2@XY", "1/2@a\n", "123456789/0", "1/2@a@b"])
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="mark"):
        Seen.parse(text)


def test_each_database_is_seen_by_itself() -> None:
    client, one, other = Client(), object(), object()

    client.of(one).use_primary()

    assert client.of(one).is_due
    assert not client.of(other).is_due


def test_a_block_has_its_own_client() -> None:
    client = Client()
    with as_client(client):
        assert current_client.get() is client
        with as_nobody():
            assert current_client.get() is not client
        assert current_client.get() is client

    assert current_client.get() is None
