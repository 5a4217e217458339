"""What SQLAlchemy 2.0 calls otherwise than 2.1, each under its name of 2.1."""

try:
    from sqlalchemy.util.concurrency import await_
except ImportError:
    from sqlalchemy.util.concurrency import await_only as await_

__all__ = ["await_"]
