"""SignedMarks: what a client brings counts only if it was signed here, and not long ago."""

import pytest

from wellhead.replicas.signed_marks import SignedMarks

KEY = "k" * 32
MARKS = {"default": "16/B374D848@ab12", "Archiv_ä": "0/1"}


class Clock:
    """A clock that a test sets."""

    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tokens(clock: Clock) -> SignedMarks:
    return SignedMarks(KEY, lifetime=70, clock=clock)


def test_a_token_says_what_was_signed(tokens: SignedMarks, clock: Clock) -> None:
    token = tokens.sign(MARKS)
    clock.now += 5

    carried = tokens.read(token)

    assert carried is not None
    assert (carried.marks, carried.age) == (MARKS, 5)


def test_it_fits_into_a_cookie_and_a_header(tokens: SignedMarks) -> None:
    token = tokens.sign(MARKS)

    # https://www.rfc-editor.org/rfc/rfc6265#section-4.1.1
    assert token.isascii()
    assert not set(token) & set(' ",;\\')


def test_it_expires(tokens: SignedMarks, clock: Clock) -> None:
    token = tokens.sign(MARKS)

    clock.now += 70
    assert tokens.read(token) is not None
    clock.now += 1
    assert tokens.read(token) is None


def test_one_from_the_future_is_not_valid_beyond_what_clocks_differ(
    tokens: SignedMarks, clock: Clock
) -> None:
    token = tokens.sign(MARKS)

    clock.now -= 60
    assert tokens.read(token) is not None
    clock.now -= 1
    assert tokens.read(token) is None


def test_a_change_of_any_character_makes_it_invalid(tokens: SignedMarks) -> None:
    token = tokens.sign(MARKS)

    for at, character in enumerate(token):
        other = "0" if character != "0" else "1"
        assert tokens.read(token[:at] + other + token[at + 1 :]) is None


@pytest.mark.parametrize("text", ["", ".", "a", "a.b", "ä.ö", "0" * 10_000, "6b49d200!a=0/1."])
def test_whatever_else_a_client_sends_is_ignored(tokens: SignedMarks, text: str) -> None:
    assert tokens.read(text) is None


def test_another_key_signs_otherwise(tokens: SignedMarks, clock: Clock) -> None:
    other = SignedMarks("o" * 32, lifetime=70, clock=clock)

    assert other.read(tokens.sign(MARKS)) is None
