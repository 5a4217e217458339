"""A login that is not stored yet, along with the tokens that its client gets."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlmodel.ext.asyncio.session import AsyncSession

from todo.accounts.known_networks import known
from todo.accounts.models import Login
from todo.accounts.schemas import TokenPair
from todo.accounts.tokens import IssuedRefreshToken


@dataclass(frozen=True, slots=True)
class NewLogin:
    """A login on a device, from a network."""

    user_id: UUID
    id: UUID
    token: IssuedRefreshToken
    pair: TokenPair
    network_hash: bytes
    network: str
    device: str | None

    async def store(self, session: AsyncSession) -> None:
        """Store the login and its network; storing the same one twice is fine."""
        login = Login(
            id=self.id,
            user_id=self.user_id,
            token_hash=self.token.hash,
            expires_at=self.token.expires_at,
            network=self.network,
            device=self.device,
        )
        statement = insert(Login).values(**login.model_dump()).on_conflict_do_nothing()
        await session.exec(statement.add_cte(known(self.user_id, self.network_hash).cte("known")))
