"""The ``options`` parameter: command-line switches for the start of a session.

PostgreSQL splits them at white space, and a backslash escapes a space inside a value.
``-c name=value``, ``-cname=value`` and ``--name=value`` all set one setting.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from wellhead.url.split import fault

# What PgBouncer accepts at the start of a session; it refuses everything else with 08P01.
POOLER_SETTINGS: Final = frozenset(
    {
        "application_name",
        "client_encoding",
        "datestyle",
        "intervalstyle",
        "standard_conforming_strings",
        "timezone",
    }
)
_SWITCH: Final = re.compile(r"(?:\\.|[^\s\\])+", re.DOTALL)
_SETTING: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_.$-]*)=(.*)", re.DOTALL)
_ENDPOINT: Final = re.compile(r"(?:endpoint|project)=(.+)")


@dataclass(frozen=True, slots=True)
class Startup:
    """The parsed ``options``.

    Attributes:
        settings: Server settings; names in lower case, since PostgreSQL ignores case.
        other: Switches that are not settings, as written; includes Neon's ``endpoint=``.
    """

    settings: Mapping[str, str]
    other: tuple[str, ...] = ()

    @property
    def endpoint(self) -> str | None:
        """The Neon endpoint that ``endpoint=`` (or the older ``project=``) names."""
        matches = map(_ENDPOINT.fullmatch, self.other)
        return next((match[1] for match in matches if match), None)


def read_options(text: str | None) -> Startup:
    """Parse ``options``.

    Raises:
        URLError: A ``-c`` without ``name=value``, or a ``+`` in place of a space.
    """
    if text is None:
        return Startup({})
    if re.match(r"-c\+|.*\+-c|.*\+--", text):
        raise fault("has '+' instead of a space in options", "write %20 for a space")
    settings: dict[str, str] = {}
    other: list[str] = []
    switches = [
        re.sub(r"\\(.)", r"\1", switch, flags=re.DOTALL) for switch in _SWITCH.findall(text)
    ]
    remaining = iter(switches)
    for switch in remaining:
        if switch.startswith(("-c", "--")):
            assignment = next(remaining, "") if switch == "-c" else switch[2:]
            name, value = _setting(assignment)
            settings[name] = value
        else:
            other.append(switch)
    return Startup(settings, tuple(other))


def write_options(settings: Mapping[str, str], other: tuple[str, ...] = ()) -> str:
    """Write settings and other switches as one value of ``options``."""
    switches = [*other, *(f"-c{name}={value}" for name, value in settings.items())]
    return " ".join(re.sub(r"([\s\\])", r"\\\1", switch) for switch in switches)


def _setting(assignment: str) -> tuple[str, str]:
    match = _SETTING.fullmatch(assignment)
    if match is None:
        raise fault(
            "has a -c or -- in options without name=value",
            "write options=-csearch_path%3Dname, with %20 between several",
        )
    return match[1].replace("-", "_").lower(), match[2]
