"""The options parameter, read and written."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellhead.errors import URLError
from wellhead.url.options import read_options, write_options

NAMES = st.from_regex(r"[a-z_][a-z0-9_.]{0,10}", fullmatch=True)
VALUES = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=20)


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("-c search_path=app", {"search_path": "app"}),
        ("-csearch_path=app,public", {"search_path": "app,public"}),
        ("--search_path=app", {"search_path": "app"}),
        ("--statement-timeout=5s", {"statement_timeout": "5s"}),
        ("-c TimeZone=UTC -cjit=off", {"timezone": "UTC", "jit": "off"}),
        (r"-c search_path=app,\ public", {"search_path": "app, public"}),
        (r"-c app.path=C:\\dir", {"app.path": "C:\\dir"}),
        ("-c search_path=", {"search_path": ""}),
        ("-c a.b=x=y", {"a.b": "x=y"}),
        ("-c geqo=off -c geqo=on", {"geqo": "on"}),
    ],
)
def test_settings_are_read_in_every_form(text: str, settings: dict[str, str]) -> None:
    assert read_options(text).settings == settings


def test_other_switches_are_kept_as_they_are() -> None:
    startup = read_options("endpoint=ep-a-b-1 -c jit=off -B 64")

    assert startup.settings == {"jit": "off"}
    assert startup.other == ("endpoint=ep-a-b-1", "-B", "64")
    assert startup.endpoint == "ep-a-b-1"


def test_neons_older_name_for_the_endpoint_is_known() -> None:
    assert read_options("project=ep-a-b-1").endpoint == "ep-a-b-1"


def test_no_options_ask_for_nothing() -> None:
    assert (read_options(None).settings, read_options(None).endpoint) == ({}, None)


@pytest.mark.parametrize("text", ["-c", "-c search_path", "--search_path", "-c =x", "--"])
def test_a_switch_without_name_and_value_is_refused(text: str) -> None:
    with pytest.raises(URLError, match="without name=value"):
        read_options(text)


@pytest.mark.parametrize("text", ["-c+jit=off", "-c jit=off+-c geqo=off", "-cjit=off+--geqo=off"])
def test_a_plus_sign_for_a_space_is_refused(text: str) -> None:
    with pytest.raises(URLError, match="write %20 for a space"):
        read_options(text)


@pytest.mark.slow
@settings(deadline=None)
@given(wanted=st.dictionaries(NAMES, VALUES, max_size=4))
def test_what_is_written_is_read_again(wanted: dict[str, str]) -> None:
    # "+-c" and its like are refused on purpose.
    wanted = {name: value.replace("+", "") for name, value in wanted.items()}

    assert read_options(write_options(wanted)).settings == wanted
