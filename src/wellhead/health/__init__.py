"""Whether the database responds, the process is ready, and the schema is at head.

Begin with ``health``, which learns it from real traffic and queries only if necessary.
``readiness`` turns it into a yes or no for an orchestrator; ``schema`` tracks the migrations.
"""

from wellhead.health.health import Health, HealthReport, State
from wellhead.health.readiness import Readiness
from wellhead.health.schema import SchemaSource, SchemaState

__all__ = ["Health", "HealthReport", "Readiness", "SchemaSource", "SchemaState", "State"]
