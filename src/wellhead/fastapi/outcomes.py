"""The outcome of a failed request in its databases: which of them have committed."""

from collections.abc import Mapping
from typing import Any

from fastapi.requests import HTTPConnection

from wellhead.errors import CommitUnknownError, PartlyCommittedError
from wellhead.errors.discretion import words_of
from wellhead.errors.groups import is_of_database
from wellhead.fastapi.installed import installed_for
from wellhead.sessions.changes import Changes
from wellhead.sessions.commits import current_commits

UNNAMED = "unnamed"
"""The name for a database that the application was not given by name."""


def truth_of(connection: HTTPConnection, error: Exception) -> Exception:
    """The error that says what happened to the work, in place of one that only says what failed.

    If a COMMIT of the request got no reply, what failed after it does not matter; and if one
    database has committed, what kept another from committing is only the cause.
    """
    commits = current_commits.get()
    if commits is None or not is_of_database(error) or isinstance(error, CommitUnknownError):
        return error
    truth: Exception = error
    if commits.unknown:
        truth = CommitUnknownError.after_silence()
    elif commits.changes.are_divided:
        if isinstance(error, PartlyCommittedError) and isinstance(error.__cause__, Exception):
            error = error.__cause__
        truth = PartlyCommittedError(
            words_of(error) or type(error).__name__,
            committed=_names(connection, commits.changes.committed),
            not_committed=_names(connection, commits.changes.given_up),
        )
    if truth is not error:
        truth.__cause__ = error
    return truth


def outcome_of(connection: HTTPConnection, error: Exception) -> Mapping[str, Any]:
    """Members of a response: how many transactions were committed, and in which databases.

    The databases are named if the request has used several; those with an unknown outcome, whenever
    the application has several.
    """
    commits = current_commits.get()
    count = commits.succeeded if commits is not None else getattr(error, "commits", 0)
    members: dict[str, Any] = {"commits": count} if count else {}
    if commits is not None and _are_worth_names(connection, changes := commits.changes):
        names = {
            "committed": changes.committed,
            "not_committed": changes.given_up - changes.unsure,
            "unknown": changes.unsure,
        }
        members |= {key: _names(connection, each) for key, each in names.items() if each}
    return members


def _are_worth_names(connection: HTTPConnection, changes: Changes) -> bool:
    if changes.unsure and not installed_for(connection).is_one:
        return True
    done = changes.committed | changes.unsure
    return bool(done) and len(done | changes.given_up) > 1


def _names(connection: HTTPConnection, keys: set[object]) -> list[str]:
    databases = installed_for(connection).databases
    named = [name for name, database in databases.items() if database.key in keys]
    return named + [UNNAMED] * (len(keys) > len(named))
