"""Statements with more parameters than a driver can send: said with the numbers and a way out."""

from sqlalchemy import event
from sqlalchemy import exc as sa
from sqlalchemy.engine import Engine, ExceptionContext

MOST = {"asyncpg": 32_767, "psycopg": 65_535}
"""What the drivers send with one statement; both count in two bytes, and asyncpg's have a sign."""


def name_too_many_parameters(engine: Engine) -> None:
    """Raise a ``StatementError`` where a statement fails that has more than can be sent."""
    driver = engine.dialect.driver
    most = MOST.get(driver)
    if most is None:
        return

    @event.listens_for(engine, "handle_error")
    def name_it(context: ExceptionContext) -> BaseException | None:
        given = context.parameters
        # Those of many sets are a list, and each set is sent by itself.
        if not isinstance(given, tuple | dict) or len(given) <= most:
            return None
        return sa.StatementError(
            f"The statement has {len(given)} parameters, and {driver} can send {most} with one. "
            "Give rows beside the statement, session.execute(insert(Table), rows), or use COPY; "
            "give a long IN as one array, as a compiled query does, or read it in parts.",
            None,
            None,
            None,
        )
