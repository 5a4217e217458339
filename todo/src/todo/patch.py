"""Bodies of PATCH requests: what is absent stays as it is (RFC 7396)."""

from typing import Any

from pydantic import ConfigDict


def _without_defaults(schema: dict[str, Any]) -> None:
    for field in schema["properties"].values():
        field.pop("default", None)


PATCH_CONFIG = ConfigDict(extra="forbid", json_schema_extra=_without_defaults)
"""For models whose defaults are never used, since only the fields that were sent count."""
