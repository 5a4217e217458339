"""A query's statement for one dialect: its text, and the conversion of values in and out."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Dialect, Insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.dml import UpdateBase
from sqlalchemy.sql.selectable import FromClause

from wellhead.errors import ConfigurationError
from wellhead.sessions.proof import Evidence
from wellhead.sessions.queries.binding import Binding
from wellhead.sessions.queries.entities import Loader
from wellhead.sessions.queries.membership import with_arrays
from wellhead.sessions.queries.shapes import Make, columns_of, entity_of, fields_of, maker

Processors = tuple[tuple[int, Any], ...]
Schemas = Mapping[str | None, str | None]


class Statement:
    """What is sent for a query, and how its result is built.

    Args:
        statement: SQLAlchemy's statement.
        dialect: The dialect to compile for; its compilers collect evidence.
        into: The class that rows are converted to, or None.
        is_repeatable: Whether it may be done twice although it writes.
        schemas: A ``schema_translate_map`` like that of the connections on which it will run.

    Attributes:
        compiled: SQLAlchemy's compiled statement.
        text: The text that is sent.
        binding: Its parameters.
        make: Builds the result from each row.
        has_rows: Whether it returns rows.
        only_reads: Whether it is proved to be read-only.
        writes: Whether it writes.
        leaves_nothing: Whether it is proved to leave no session state.
        is_repeatable: As above.

    Raises:
        ConfigurationError: It cannot be compiled for this dialect.
    """

    __slots__ = (
        "_by_types", "_dialect", "_into", "_source", "_translated", "_types", "binding", "compiled",
        "has_rows", "is_repeatable", "leaves_nothing", "make", "only_reads", "text", "writes",
    )  # fmt: skip

    def __init__(
        self,
        statement: Any,
        dialect: Dialect,
        into: type[Any] | None,
        *,
        is_repeatable: bool,
        schemas: Schemas | None = None,
    ) -> None:
        self._source, self._into = statement, into
        self._translated: dict[bool, Statement] = {}
        columns, statement = _opened(statement)
        if dialect.name == "postgresql":
            statement = with_arrays(statement)
        if isinstance(statement, Insert) and not columns_of(statement):
            # The keys that SQLAlchemy would have returned are not needed.
            statement = statement.inline()
        try:
            compiled = statement.compile(dialect=dialect, schema_translate_map=schemas)
        except SQLAlchemyError as error:
            raise ConfigurationError(
                f"A compiled query cannot be compiled for {dialect.name}: {error}"
            ) from error
        assert isinstance(compiled, SQLCompiler)  # noqa: S101 - nothing else passes building
        self.compiled = compiled
        self.text: str = compiled.string
        self.binding = Binding(compiled, dialect)
        self.is_repeatable = is_repeatable
        self._dialect = dialect
        entries = compiled._result_columns  # noqa: SLF001 - tests/test_undocumented_names.py
        self._types = [each.type for each in entries]
        self._by_types: dict[tuple[int, ...], Processors] = {}
        self.has_rows = bool(entries)
        names = [each.keyname for each in entries]
        loaders = _loaders(columns, entries)
        if into is not None:
            named = names if loaders is None else _attributes(loaders, names)
            fields_of(into, named)
            names = named
        self.make: Make = maker(loaders or [None] * len(names), names, into)
        evidence = compiled if isinstance(compiled, Evidence) else Evidence
        self.writes = isinstance(statement, UpdateBase) or evidence.writes
        self.only_reads = evidence.only_reads
        self.leaves_nothing = evidence.leaves_nothing

    def translated(self, schemas: Schemas) -> "Statement":
        """The same for a connection with this ``schema_translate_map``."""
        # The schemas themselves come into the text when it runs.
        key = None in schemas
        found = self._translated.get(key)
        if found is None:
            found = self._translated[key] = Statement(
                self._source, self._dialect, self._into,
                is_repeatable=self.is_repeatable, schemas=schemas,
            )  # fmt: skip
        return found

    def processors(self, types: Sequence[int]) -> Processors:
        """The conversions for the values of a row, by position.

        Args:
            types: The type OIDs that the server sends.
        """
        key = tuple(types)
        found = self._by_types.get(key)
        if found is None:
            dialect = self._dialect
            each = (
                kind.dialect_impl(dialect).result_processor(dialect, number)
                for kind, number in zip(self._types, key, strict=True)
            )
            found = tuple((at, process) for at, process in enumerate(each) if process is not None)
            self._by_types[key] = found
        return found

    def results(self, rows: Sequence[Any], processors: Processors) -> list[Any]:
        """The results from the driver's rows."""
        make = self.make
        if not processors:
            return [make(row) for row in rows]
        made = []
        for row in rows:
            values = list(row)
            for at, process in processors:
                values[at] = process(values[at])
            made.append(make(values))
        return made


def _opened(statement: Any) -> tuple[list[Any], Any]:
    """What a statement selects, and the statement with each mapped class as its columns."""
    columns: list[Any] = []
    selected: list[Any] = []
    for column in columns_of(statement):
        entity = entity_of(column)
        if entity is not None:
            # Now the mappers may be configured. Deferred columns stay out.
            attributes = [each.key for each in entity.mapper.column_attrs if not each.deferred]
            columns.append((entity, attributes))
            selected += [getattr(entity.entity, key) for key in attributes]
        elif isinstance(column, FromClause):
            columns += [None] * len(column.c)
            selected += list(column.c)
        else:
            columns.append(None)
            selected.append(column)
    if any(columns) and hasattr(statement, "with_only_columns"):
        statement = statement.with_only_columns(*selected)
    return columns, statement


def _loaders(columns: list[Any], entries: Any) -> list[Loader | None] | None:
    """A loader for each mapped class, None for each column; None if there are only columns."""
    if not any(columns):
        return None
    if len(columns) == 1 and len(entries) != len(columns[0][1]):
        raise ConfigurationError("A compiled query received columns that do not match its class.")
    return [None if each is None else Loader(*each) for each in columns]


def _attributes(loaders: list[Loader | None], names: list[str]) -> list[str]:
    found: list[str] = []
    for each in loaders:
        found += [names[len(found)]] if each is None else each.keys
    return found
