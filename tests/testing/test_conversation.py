"""What two sides say, taken apart into round trips."""

from wellhead.testing.conversation import Conversation, Statements

START = (8).to_bytes(4) + (196608).to_bytes(4)


def message(kind: bytes, body: bytes = b"") -> bytes:
    return kind + (len(body) + 4).to_bytes(4) + body


SYNC = message(b"S")


def parse(name: bytes, text: bytes) -> bytes:
    return message(b"P", name + b"\0" + text + b"\0\0\0")


def bind_and_execute(name: bytes) -> bytes:
    return message(b"B", b"\0" + name + bytes(7)) + message(b"E", bytes(5))


def heard(*said: bytes | None) -> list[Statements]:
    """The round trips of what a client says after its start-up; None is the server's turn."""
    told: list[Statements] = []
    conversation = Conversation(told.append)
    for each in (START, None, *said):
        if each is None:
            conversation.hear_server(b"response")
        else:
            conversation.hear_client(each)
    return told[1:]


def test_a_start_up_is_a_round_trip_without_a_statement() -> None:
    told: list[Statements] = []
    conversation = Conversation(told.append)
    conversation.hear_client((8).to_bytes(4) + (80877103).to_bytes(4))
    conversation.hear_server(b"N")
    conversation.hear_client(START)
    conversation.hear_server(b"R")

    assert told == [(), ()]


def test_a_simple_query_is_heard_when_it_is_answered() -> None:
    assert heard(message(b"Q", b"SELECT 1\0")) == []
    assert heard(message(b"Q", b"SELECT 1\0"), None) == [("SELECT 1",)]


def test_it_does_not_matter_in_which_pieces_a_message_comes() -> None:
    said = message(b"Q", b"SELECT 1\0")

    assert heard(*(said[at : at + 1] for at in range(len(said))), None) == [("SELECT 1",)]


def test_a_prepared_statement_is_known_when_it_is_executed() -> None:
    prepare = parse(b"one", b"SELECT $1") + message(b"D", b"Sone\0") + message(b"H")
    run = bind_and_execute(b"one") + SYNC

    assert heard(prepare, None, run, None, run, None) == [(), ("SELECT $1",), ("SELECT $1",)]


def test_several_statements_in_one_go_are_one_round_trip() -> None:
    said = (
        parse(b"", b"SELECT a") + bind_and_execute(b"")
        + parse(b"", b"SELECT b") + bind_and_execute(b"") + SYNC
    )  # fmt: skip

    assert heard(said, None) == [("SELECT a", "SELECT b")]


def test_a_statement_for_many_rows_is_one_also_where_the_server_responds_meanwhile() -> None:
    rows = bind_and_execute(b"") * 3
    said = parse(b"", b"INSERT") + rows, None, rows, None, rows + SYNC, None

    assert heard(*said) == [("INSERT",)]


def test_data_that_are_copied_are_one_round_trip() -> None:
    data = message(b"d", b"row")
    said = (message(b"Q", b"COPY t FROM STDIN\0"), None, data, None, data + message(b"c"), None)

    assert heard(*said) == [("COPY t FROM STDIN",), ()]


def test_further_rows_of_a_cursor_are_a_round_trip_and_no_further_statement() -> None:
    fetch = message(b"E", b"portal\0" + bytes(4)) + SYNC
    begin = parse(b"", b"SELECT a") + message(b"B", b"portal\0\0" + bytes(6)) + fetch

    assert heard(begin, None, fetch, None) == [("SELECT a",), ()]
