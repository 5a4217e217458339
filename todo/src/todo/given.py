"""Optional query parameters and headers."""

from typing import Annotated, Any, TypeVar

from pydantic import GetJsonSchemaHandler
from pydantic_core import CoreSchema

T = TypeVar("T")


class _NeverNull:
    """Removes null from the documentation: a parameter can be absent, but cannot be null."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        documented = handler(schema)
        (only,) = (choice for choice in documented.pop("anyOf") if choice != {"type": "null"})
        return {**documented, **only}


Given = Annotated[T | None, _NeverNull()]
"""A value that was given, or None if the parameter was left out."""
