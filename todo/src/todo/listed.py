"""Settings that are lists."""

import json
from typing import Annotated

from pydantic import BeforeValidator
from pydantic_settings import NoDecode


def split(value: object) -> object:
    """A list from `a, b` or from JSON's `["a", "b"]`."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if text.startswith("["):
        try:
            return json.loads(text)
        except ValueError as error:
            raise ValueError("it starts with '[' but is not a JSON list") from error
    return [part for part in (part.strip() for part in text.split(",")) if part]


Listed = Annotated[list[str], NoDecode, BeforeValidator(split)]
