"""The directory of one server: its contents, and its location."""

import json
import os
import secrets
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from wellhead.embedded import watch
from wellhead.embedded.account import Account, server_account, shared_directory
from wellhead.errors import EmbeddedError

_STATE = "server.json"
_MOVED = "moved-to"
_SHOWN = 3
_LOCKS = {watch.START_LOCK, watch.OWNERS_LOCK, watch.WATCH_LOCK}


@dataclass(frozen=True, slots=True)
class State:
    """What must be remembered between two runs, in a file that only its owner can read."""

    user: str
    password: str = field(repr=False, default_factory=lambda: secrets.token_urlsafe(24))
    port: int | None = None


@dataclass(frozen=True, slots=True)
class Home:
    """The directory of one server and the account that owns it.

    In addition to PostgreSQL's own directory it has the server's log, the password and the port,
    and the lock files of the server's users.
    """

    path: Path
    account: Account

    @property
    def data(self) -> Path:
        """PostgreSQL's own data directory."""
        return self.path / watch.DATA

    @property
    def major(self) -> int | None:
        """The major version of PostgreSQL that made the data; None without data, 0 if unknown."""
        try:
            version = (self.data / "PG_VERSION").read_text().partition(".")[0].strip()
        except FileNotFoundError:
            return None
        return int(version) if version.isdecimal() else 0

    @property
    def log_file(self) -> Path:
        """The server's log; older lines are in the file of the same name with ``.1``."""
        return self.path / "server.log"

    def load(self, user: str) -> State:
        """Read the state, or create it if the directory is new.

        Raises:
            EmbeddedError: The server was created for another user.
        """
        file = self.path / _STATE
        if not file.exists():
            self.save(state := State(user))
            return state
        try:
            state = State(**json.loads(file.read_text()))
        except (ValueError, TypeError) as error:
            raise EmbeddedError(
                f"{file} is damaged: {error}.",
                hint="It contains the password. Restore it, or remove the directory to start over.",
            ) from error
        if state.user != user:
            raise EmbeddedError(
                f"The data in {self.path} belongs to the user {state.user!r}, not to {user!r}.",
                hint=f"Pass user={state.user!r}, or another directory.",
            )
        return state

    def save(self, state: State) -> None:
        """Write the state."""
        self.account.write(self.path / _STATE, json.dumps(asdict(state)))

    def save_port(self, state: State, port: int) -> None:
        """Remember the port, so that a URL copied from the last run stays valid."""
        if state.port != port:
            self.save(replace(state, port=port))


def prepare_home(wished: Path) -> Home:
    """Create or recognise the directory of a server; foreign files are not touched.

    If the server's account cannot enter the wished directory, a root process uses a directory below
    ``/var/lib/wellhead`` instead, and a file in the wished one names it. Removing the wished
    directory therefore discards the data.

    Raises:
        EmbeddedError: The path is not a directory, contains something else, or belongs to another
            account.
    """
    if any(letter in str(wished) for letter in '"$`\\\n'):
        raise EmbeddedError(
            f"The directory {str(wished)!r} cannot be used: PostgreSQL passes its name through a"
            ' shell, so it must not contain any of " $ ` \\ and no line break.'
        )
    wished = wished.resolve()
    if wished.exists() and not wished.is_dir():
        raise EmbeddedError(f"{wished} is a file, not a directory.", hint="Use another directory.")
    wished.mkdir(parents=True, exist_ok=True)
    is_ours = _recognise(wished)
    account = server_account(wished if is_ours else None)
    path = wished
    if not account.can_enter(wished.parent) or (wished / _MOVED).exists():
        path = _moved(wished)
        account = server_account(path if _recognise(path) else None)
    if path.stat().st_uid != account.uid and os.geteuid() != 0:
        raise _not_ours(path)
    account.give(path, mode=0o700)
    return Home(path, account)


def _recognise(path: Path) -> bool:
    """Whether the directory belongs to one of our servers; a new and empty one can become one."""
    try:
        names = {entry.name for entry in path.iterdir()}
    except PermissionError as error:
        raise _not_ours(path) from error
    # The two files are first written under longer names; another process may be doing so now.
    strange = {name for name in names - _LOCKS if not name.startswith((_STATE, _MOVED))}
    if strange and not names & {_STATE, _MOVED}:
        raise EmbeddedError(
            f"{path} is not empty and contains no server of Wellhead; it was not touched"
            f" ({', '.join(sorted(strange)[:_SHOWN])}{', ...' * (len(strange) > _SHOWN)}).",
            hint="Use an empty or a new directory.",
        )
    return _STATE in names


def _not_ours(path: Path) -> EmbeddedError:
    return EmbeddedError(
        f"{path} belongs to another account (uid {path.stat().st_uid}).",
        hint="Run as that account, or use another directory.",
    )


def _moved(wished: Path) -> Path:
    """The directory that replaces one that the server's account cannot enter."""
    pointer = wished / _MOVED
    if not pointer.exists():
        name = f"{wished.name}-{secrets.token_hex(6)}"
        partial = wished / f"{_MOVED}.{secrets.token_hex(4)}.partial"
        partial.write_text(name)
        try:
            # A hard link never replaces: if two processes start at the same time, one wins.
            pointer.hardlink_to(partial)
        except FileExistsError:
            pass
        finally:
            partial.unlink()
    target = shared_directory("data") / Path(pointer.read_text()).name
    target.mkdir(exist_ok=True)
    return target
