"""Settings of cross-origin requests."""

import re
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator
from pydantic_settings import NoDecode

from todo.listed import Listed, split
from wellhead.settings import CheckedSettings

ORIGIN = re.compile(r"\*|[a-z][a-z0-9+.-]*://[^/\s?#@]+", re.IGNORECASE)


class CORSSettings(CheckedSettings):
    """Which pages of other origins may call the API, and how."""

    cors_origins: Annotated[list[str] | None, NoDecode, BeforeValidator(split)] = None
    """The origins whose pages may call the API from a browser; `*` for all, no credentials. None:
    in development pages from any port of this machine, in production no page."""

    cors_allow_credentials: bool = True
    """Whether those pages may send cookies and HTTP authentication."""

    cors_allow_methods: Listed = Field(default=["*"])
    """Which methods those pages may use."""

    cors_allow_headers: Listed = Field(default=["*"])
    """Which headers those pages may send."""

    @field_validator("cors_origins")
    @classmethod
    def _origins(cls, origins: list[str] | None) -> list[str] | None:
        for origin in origins or ():
            if not ORIGIN.fullmatch(origin):
                raise ValueError(
                    f"{origin!r} is not an origin; write scheme, host and port without a path, "
                    "such as https://app.example.com"
                )
        return origins

    @model_validator(mode="after")
    def _cors_together(self) -> Self:
        if "*" in (self.cors_origins or ()) and self.cors_allow_credentials:
            raise ValueError(
                "CORS_ORIGINS allows every origin ('*') while CORS_ALLOW_CREDENTIALS is true; name "
                "the origins, or set CORS_ALLOW_CREDENTIALS=false."
            )
        return self
