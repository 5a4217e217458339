"""The networks from which the owner of an account is expected again."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy.dialects.postgresql import Insert, insert

from todo.accounts.models import KnownNetwork
from todo.models import utc_now

KNOWN_FOR = timedelta(days=180)
"""How long the owner of an account is expected again from a network."""


def known(user_id: UUID, network_hash: bytes) -> Insert:
    """One statement that stores from where the owner of an account is expected again."""
    until = utc_now() + KNOWN_FOR
    return (
        insert(KnownNetwork)
        .values(user_id=user_id, network_hash=network_hash, expires_at=until)
        .on_conflict_do_update(
            index_elements=["user_id", "network_hash"], set_={"expires_at": until}
        )
    )
