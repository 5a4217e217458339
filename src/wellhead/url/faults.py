"""How a fault in a database URL is put into words."""

from wellhead.errors import URLError


def fault(problem: str, fix: str) -> URLError:
    """Build the one sentence that names a fault and its fix.

    Args:
        problem: What is wrong, going on from "The database URL"; it must never hold a piece
            of the text that could be part of a password.
        fix: What to write instead.
    """
    return URLError(f"The database URL {problem}: {fix}.")
