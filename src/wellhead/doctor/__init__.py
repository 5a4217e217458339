"""The doctor: why does it not connect, why is it slow, who holds the connections?

Begin with ``examination``, which runs the checks of ``catalogue`` in their order and ends where
nothing more could work. Each check is a module in ``checks``; ``case`` is what they know, and
``findings`` what they yield. ``greeting`` and ``peer_certificate`` show what no driver shows.
``in_words`` and ``as_json`` write the report.

It never writes to the database, which refuses its writes, and leaves no session state behind.
"""

from wellhead.doctor.case import Wishes
from wellhead.doctor.catalogue import DIAGNOSES
from wellhead.doctor.examination import Report, examine
from wellhead.doctor.findings import Diagnosis, EnvLine, Finding, Outcome

__all__ = [
    "DIAGNOSES",
    "Diagnosis",
    "EnvLine",
    "Finding",
    "Outcome",
    "Report",
    "Wishes",
    "examine",
]
