"""Every setting, and the only code that reads the environment.

Begin with ``settings``: :class:`DatabaseSettings` has all of them. ``place`` has those that name
the database, and ``one_place`` makes sure that they name a single one; ``pooling``, ``standbys``
and ``migrating`` have three more groups. ``unknown`` warns of misspelled names, and ``application``
finds a name for the process. ``checked`` is shared with an application's own settings: it turns a
refusal into a sentence, and lets secrets come from files, which ``variables`` reads.
"""

from wellhead.settings.checked import CheckedSettings
from wellhead.settings.settings import DatabaseSettings

__all__ = ["CheckedSettings", "DatabaseSettings"]
