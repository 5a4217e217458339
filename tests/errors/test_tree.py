"""What the exceptions of Wellhead are to those who catch them."""

import pytest

import wellhead
from wellhead import ConnectError, WellheadError


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        (wellhead.ConfigurationError, ValueError),
        (wellhead.NotOpenError, RuntimeError),
        (ConnectError, ConnectionError),
        (wellhead.CommandTimeoutError, TimeoutError),
    ],
)
def test_who_knows_only_the_builtin_exception_catches_it(
    kind: type[WellheadError], builtin: type[Exception]
) -> None:
    assert issubclass(kind, builtin)


def test_the_text_ends_with_what_to_do() -> None:
    assert str(WellheadError("It broke.", hint="Mend it.")) == "It broke.\nMend it."
    assert str(WellheadError("It broke.")) == "It broke."


def test_what_can_be_tried_again_is_said_by_the_class() -> None:
    again = {kind.__name__ for kind in ConnectError.__subclasses__() if kind.can_retry}

    assert again == {
        "CredentialsError",
        "StartingError",
        "TooManyConnectionsError",
        "UnreachableError",
    }


def test_a_connect_error_keeps_the_servers_code() -> None:
    assert ConnectError("x", sqlstate="28P01").sqlstate == "28P01"
    assert ConnectError("x").sqlstate is None
