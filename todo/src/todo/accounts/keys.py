"""The secret that signs tokens: the configured one, or in development a generated one."""

import logging
import os
import secrets
import tempfile
from pathlib import Path

from todo.settings import Settings
from wellhead.errors import SettingsError

logger = logging.getLogger(__name__)

FILE_NAME = "jwt-secret-key"

SHORTEST = 64
"""Long enough for every allowed algorithm."""


def signing_key(settings: Settings) -> str:
    """`JWT_SECRET_KEY`, or else the secret stored next to the data, created at the first start.

    The file is only used in development: production's settings are refused without a key.

    Raises:
        SettingsError: The file does not contain what was written there.
    """
    if settings.jwt_secret_key is not None:
        return settings.jwt_secret_key.get_secret_value()
    path = settings.data_dir / FILE_NAME
    try:
        key = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return _make(path)
    if len(key) < SHORTEST:
        raise SettingsError(
            f"{path} contains {len(key)} characters, which is not a secret.",
            hint="Remove the file to create a new one, or set JWT_SECRET_KEY.",
        )
    return key


def _make(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Written to a temporary file (readable only by its owner) and then linked: if several processes
    # start at the same time one wins, and none reads half a secret.
    descriptor, name = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(secrets.token_urlsafe(SHORTEST))
        path.hardlink_to(draft)
    except FileExistsError:
        pass
    else:
        logger.warning(
            "JWT_SECRET_KEY is not set: created a secret for development and stored it in %s", path
        )
    finally:
        draft.unlink()
    return path.read_text(encoding="utf-8")
