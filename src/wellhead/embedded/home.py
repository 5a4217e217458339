"""The directory of one server: what lies in it, and where it lies."""

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
    """What must be remembered between two runs, kept in a file that only its owner reads."""

    user: str
    password: str = field(repr=False, default_factory=lambda: secrets.token_urlsafe(24))
    port: int | None = None


@dataclass(frozen=True, slots=True)
class Home:
    """The directory of one server and the account that owns it.

    Beside PostgreSQL's own directory it holds the server's log, the password and the port, and the
    locks of those who use the server.
    """

    path: Path
    account: Account

    @property
    def data(self) -> Path:
        """PostgreSQL's own data directory."""
        return self.path / watch.DATA

    @property
    def log_file(self) -> Path:
        """What the server says; older lines are in the file of the same name with ``.1``."""
        return self.path / "server.log"

    def load(self, user: str) -> State:
        """Read the state, made new where the directory is new.

        Raises:
            EmbeddedError: The server was made for another user.
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
                hint="It holds the password. Restore it, or remove the directory to start anew.",
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
        """Remember the port, so that a URL copied from the last run stays right."""
        if state.port != port:
            self.save(replace(state, port=port))


def prepare_home(wished: Path) -> Home:
    """Make or recognise the directory of a server; nothing of a stranger's is touched.

    A root process whose wished directory lies where the server's account cannot enter gets a
    directory of its own below ``/var/lib/wellhead``, and a file in the wished one names it.
    Removing the wished directory therefore forgets the data.

    Raises:
        EmbeddedError: The path is no directory, holds something else, or belongs to another
            account.
    """
    if any(letter in str(wished) for letter in '"$`\\\n'):
        raise EmbeddedError(
            f"The directory {str(wished)!r} cannot be used: PostgreSQL passes its name through a"
            ' shell, so it must hold none of " $ ` \\ and no line break.'
        )
    wished = wished.resolve()
    if wished.exists() and not wished.is_dir():
        raise EmbeddedError(f"{wished} is a file, not a directory.", hint="Name another directory.")
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
    """Whether the directory holds a server of ours; a new and empty one may become one."""
    try:
        names = {entry.name for entry in path.iterdir()}
    except PermissionError as error:
        raise _not_ours(path) from error
    # The two files are written under longer names first; another process may be at it now.
    strange = {name for name in names - _LOCKS if not name.startswith((_STATE, _MOVED))}
    if strange and not names & {_STATE, _MOVED}:
        raise EmbeddedError(
            f"{path} is not empty and holds no server of ours; it was left as it is"
            f" ({', '.join(sorted(strange)[:_SHOWN])}{', ...' * (len(strange) > _SHOWN)}).",
            hint="Name an empty or a new directory.",
        )
    return _STATE in names


def _not_ours(path: Path) -> EmbeddedError:
    return EmbeddedError(
        f"{path} belongs to another account (uid {path.stat().st_uid}).",
        hint="Run as that account, or name another directory.",
    )


def _moved(wished: Path) -> Path:
    """The directory that stands in for one that the server's account cannot enter."""
    pointer = wished / _MOVED
    if not pointer.exists():
        name = f"{wished.name}-{secrets.token_hex(6)}"
        partial = wished / f"{_MOVED}.{secrets.token_hex(4)}.partial"
        partial.write_text(name)
        try:
            # A hard link never replaces: of two processes that start together one wins.
            pointer.hardlink_to(partial)
        except FileExistsError:
            pass
        finally:
            partial.unlink()
    target = shared_directory("data") / Path(pointer.read_text()).name
    target.mkdir(exist_ok=True)
    return target
