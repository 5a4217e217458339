"""Every knob, and the only reader of the environment.

Begin with ``settings``: :class:`DatabaseSettings` reads, completes and checks all of them. What an
application's own settings share with it is in ``checked``: a refusal is a sentence, and secrets may
be in files, which ``secret_files`` reads.
"""

from wellhead.settings.checked import CheckedSettings
from wellhead.settings.settings import DatabaseSettings

__all__ = ["CheckedSettings", "DatabaseSettings"]
