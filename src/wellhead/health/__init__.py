"""Whether the database answers, the process is ready, and the schema is at head.

Begin with ``health``, which learns it from real traffic and asks only where it must. ``readiness``
makes a yes or no of it for an orchestrator; ``schema`` knows where the migrations stand.
"""

from wellhead.health.health import Health, HealthReport, State
from wellhead.health.readiness import Readiness
from wellhead.health.schema import SchemaSource, SchemaState

__all__ = ["Health", "HealthReport", "Readiness", "SchemaSource", "SchemaState", "State"]
