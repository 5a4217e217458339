"""Whether this FastAPI can end a session before the response is sent."""

import re

import fastapi

from wellhead.errors import ConfigurationError

LOWEST = (0, 121, 1)


def refuse_without_scopes(version: str = fastapi.__version__) -> None:
    """Refuse a FastAPI whose dependencies have no scopes, or lose them.

    0.118.0 to 0.121.0 send the response before the code after ``yield`` runs:
    https://fastapi.tiangolo.com/release-notes/#01211

    Raises:
        ConfigurationError: It is older than :data:`LOWEST`.
    """
    if tuple(map(int, re.findall(r"\d+", version)[:3])) < LOWEST:
        raise ConfigurationError(
            f"FastAPI {version} is installed. Only since 0.121.1 is SessionDep certain to be "
            "committed before the response is sent; a failed COMMIT would hide behind a 201.",
            hint='Install a newer one with pip install "fastapi>=0.121.1".',
        )
