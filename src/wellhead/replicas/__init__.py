"""Which server a reader may read from, so that no client ever sees an older state again.

Begin with ``seen``: it states what is guaranteed, and keeps what a client has seen. ``router``
chooses a server for each reader, and ``replica`` is one of them: ``availability`` says whether it
gets reads, ``admission`` whether a connection to it has replayed enough, and ``position`` asks for
that; ``staleness`` says how old a state may be. ``members`` keeps the replicas that there are, as
``patroni`` names them or the settings do. ``routed_reader`` and ``routed_queries`` read there, and
from the primary if a replica cannot. ``signed_marks`` signs what
a client has seen, so that it can carry it from request to request.
"""

from wellhead.replicas.router import ReplicaStats, Router
from wellhead.replicas.seen import Client, Seen, as_client

__all__ = ["Client", "ReplicaStats", "Router", "Seen", "as_client"]
