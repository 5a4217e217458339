"""Variables with the prefix of the settings that are not settings: usually a typo."""

import logging
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from pydantic_settings import EnvSettingsSource, PydanticBaseSettingsSource

from wellhead.settings.checked import CheckedSettings, nearest

logger = logging.getLogger(__package__)

DECLARED = "application_variables"
"""The field that lists the application's own names."""


def warn_of_unknown(
    settings: type[CheckedSettings],
    in_code: Mapping[str, Any],
    *sources: PydanticBaseSettingsSource,
) -> None:
    """Warn of each variable with the prefix of the settings that is not one of them.

    Args:
        settings: The class whose fields are known.
        in_code: The fields given in code.
        sources: The sources for the environment and the ``.env`` file.
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
    """The names in a text, separated by commas or spaces; anything else is returned unchanged."""
    return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value


def _names(given: object) -> list[str]:
    return [str(name).upper() for name in split(given) or ()]
