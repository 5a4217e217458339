"""Variables that begin as a setting's do and are none: most often a setting with a slip in it."""

import logging
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from pydantic_settings import EnvSettingsSource, PydanticBaseSettingsSource

from wellhead.settings.checked import CheckedSettings, nearest

logger = logging.getLogger(__package__)

DECLARED = "application_variables"
"""The field that has the application's own names."""


def warn_of_unknown(
    settings: type[CheckedSettings],
    in_code: Mapping[str, Any],
    *sources: PydanticBaseSettingsSource,
) -> None:
    """Warn of each variable that begins as those of the settings do, and is none of them.

    Args:
        settings: Whose fields are known.
        in_code: The fields that are given in code.
        sources: The environment's and the ``.env`` file's.
    """
    variables = [source for source in sources if isinstance(source, EnvSettingsSource)]
    prefix = variables[0].env_prefix.upper()
    files = (f"{name}_file" for name in settings.secret_fields)
    known = {f"{prefix}{name}".upper() for name in (*settings.model_fields, *files)}
    declared = _names(in_code.get(DECLARED))
    for source in variables:
        declared += _names(source.env_vars.get(f"{prefix}{DECLARED}".lower()))
    found = {str(name).upper() for source in variables for name in source.env_vars}
    for name in sorted(found - known):
        is_own = any(fnmatchcase(name, pattern) for pattern in declared)
        if name.startswith(prefix) and not is_own:
            logger.warning(
                "%s is not a setting and has no effect.%s",
                name,
                nearest(name, known),
                extra={"event": "unknown_setting", "setting": name},
            )


def split(value: object) -> Any:
    """The names in a text, with commas or spaces between them; all else stays as it is."""
    return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value


def _names(given: object) -> list[str]:
    return [str(name).upper() for name in split(given) or ()]
