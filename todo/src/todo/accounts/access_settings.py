"""Settings of who gets an account, and of what it takes to get into one."""

from datetime import timedelta
from typing import Annotated, Literal

from limits import parse
from pydantic import AfterValidator, Field

from wellhead.settings import CheckedSettings


def rate(value: str) -> str:
    """A valid rate, such as `10 per 15 minutes`."""
    try:
        parse(value)
    except ValueError as error:
        raise ValueError("it must read like '10 per 15 minutes' or '100/hour'") from error
    return value


Rate = Annotated[str, AfterValidator(rate)]


class AccessSettings(CheckedSettings):
    """Who can register, how often a password is tried, and how it is hashed."""

    login_attempts_per_account: Rate = "10 per 15 minutes"
    """Tries at one account's password; the right one resets the count."""

    login_attempts_per_address: Rate = "100 per 15 minutes"
    """Tries at any password from one client, right or wrong."""

    registrations_per_address: Rate = "60 per hour"
    """New accounts from one client."""

    resets_per_account: Rate = "5 per hour"
    """Mails with a link to a new password for one address, whether it has an account or not."""

    resets_per_address: Rate = "20 per hour"
    """The same from one client, for any address."""

    password_reset_expire_minutes: int = Field(default=30, ge=5, le=24 * 60)
    """How long such a link works."""

    registration: Literal["open", "invite", "closed"] = "open"
    """Who can register: everyone, everyone with an invite (`todo user invite`), or nobody."""

    # These three are OWASP's minimum for Argon2id:
    # https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html
    argon2_time_cost: int = Field(default=2, ge=1, le=10)
    """Passes of a password hash. Hashes that took less work are renewed at the next login."""

    argon2_memory_kib: int = Field(default=19 * 1024, ge=7 * 1024, le=1024 * 1024)
    """Memory of a password hash in KiB; times the passes, it is the work."""

    argon2_parallelism: int = Field(default=1, ge=1, le=16)
    """Threads of a password hash."""

    argon2_concurrency: int = Field(default=2, ge=1, le=64)
    """Concurrent password hashes in each worker; 16 times as many may queue."""

    @property
    def password_reset_lifetime(self) -> timedelta:
        """How long a link to a new password works."""
        return timedelta(minutes=self.password_reset_expire_minutes)
