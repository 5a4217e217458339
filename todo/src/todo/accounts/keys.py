"""The secret that signs tokens: the one given, or in development one made for this data."""

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
"""Long enough for every algorithm that may be chosen."""


def signing_key(settings: Settings) -> str:
    """`JWT_SECRET_KEY`, or else the secret that lies beside the data, made at the first start.

    Only development reaches the file: without a key, production's settings are refused.

    Raises:
        SettingsError: The file does not hold what was written there.
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
            f"{path} holds {len(key)} characters, which is no secret.",
            hint="Remove the file, and a new one is made; or set JWT_SECRET_KEY.",
        )
    return key


def _make(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Written aside (readable for its owner only) and then linked: of several processes that start
    # together one wins, and nobody reads half a secret.
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
            "JWT_SECRET_KEY is not set: made a secret for development and stored it in %s", path
        )
    finally:
        draft.unlink()
    return path.read_text(encoding="utf-8")
