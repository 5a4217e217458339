"""Every knob, and the only reader of the environment.

Begin with ``settings``: :class:`DatabaseSettings` has all of them. ``place`` has those that name
the database, and ``one_place`` sees to it that they name one; ``pooling`` and ``migrating`` have
two more groups. ``unknown`` warns of a name with a slip in it, and ``application`` finds a name for
the process. What an application's own settings share with them is in ``checked``: a refusal is a
sentence, and secrets may be in files, which ``variables`` reads.
"""

from wellhead.settings.checked import CheckedSettings
from wellhead.settings.settings import DatabaseSettings

__all__ = ["CheckedSettings", "DatabaseSettings"]
