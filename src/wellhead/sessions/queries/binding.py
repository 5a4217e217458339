"""From the values of a call to the driver's parameters."""

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import BindParameter, Dialect
from sqlalchemy.sql.compiler import SQLCompiler

from wellhead.sessions.parts import parts_of

Process = Callable[[Any], Any]


def names_in(clause: Any) -> frozenset[str]:
    """The names of the values that a clause requires."""
    return frozenset(
        each.key for each in parts_of(clause) if isinstance(each, BindParameter) and each.required
    )


class Binding:
    """The parameters of one compiled statement.

    Args:
        compiled: SQLAlchemy's compiled statement.
        dialect: The dialect it was compiled for.

    Attributes:
        required: The names of the values that each call must give.
        defaults: The values of the others, which a call may give.
    """

    def __init__(self, compiled: SQLCompiler, dialect: Dialect) -> None:
        escaped: Mapping[str, str] = compiled.escaped_bind_names or {}
        positions = compiled.positiontup if compiled.positional else None
        names = list(compiled.bind_names.values()) if positions is None else positions
        made = {
            **{str(each.key): each.default for each in compiled.insert_prefetch},
            **{str(each.key): each.onupdate for each in compiled.update_prefetch},
        }
        self.required: frozenset[str] = frozenset()
        self.defaults: dict[str, Any] = {}
        self._fixed: Any = {} if positions is None else [None] * len(positions)
        self._given: list[tuple[Any, str, Process | None]] = []
        self._called: list[tuple[Any, Callable[[], Any], Process | None]] = []
        self._made: list[tuple[Any, str, Any, Process | None]] = []
        self._written: dict[str, Any] = {}
        for at, name in enumerate(names):
            bind = compiled.binds[name]
            place: Any = escaped.get(name, name) if positions is None else at
            process = bind.type.dialect_impl(dialect).bind_processor(dialect)
            if name in made:
                self._made.append((place, name, made[name], process))
            elif bind.callable is not None:
                self._called.append((place, bind.callable, process))
            elif bind.required or not bind.unique:
                self._given.append((place, bind.key, process))
                if bind.required:
                    self.required |= {bind.key}
                else:
                    self.defaults[bind.key] = bind.value
            else:
                self._fixed[place] = bind.value if process is None else process(bind.value)
                self._written[name] = bind.value

    def complete(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """The values of a call, completed with the defaults.

        Raises:
            TypeError: A value is missing, or there is no parameter with that name.
        """
        if values.keys() == self.required and not self.defaults:
            return values
        missing = self.required - values.keys()
        unknown = values.keys() - self.required - self.defaults.keys()
        if missing or unknown:
            word, names = ("lacks", missing) if missing else ("has no parameter", unknown)
            raise TypeError(
                f"A compiled query {word} {', '.join(sorted(names))}; it takes "
                f"{', '.join(sorted(self.required | self.defaults.keys())) or 'nothing'}."
            )
        return {**self.defaults, **values}

    def parameters(self, values: Mapping[str, Any]) -> Any:
        """The driver's parameters for complete values: a list, or a dictionary by name.

        Raises:
            Exception: A type refuses its value.
        """
        parameters = self._fixed.copy()
        for place, key, process in self._given:
            value = values[key]
            parameters[place] = value if process is None else process(value)
        for place, call, process in self._called:
            parameters[place] = call() if process is None else process(call())
        if self._made:
            context = _DefaultContext({**self._written, **values})
            for place, name, made, process in self._made:
                value = context.value_of(name, made)
                parameters[place] = value if process is None else process(value)
        return parameters


class _DefaultContext:
    """What a column's default function may ask for: the other values of its row."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.current_parameters = values

    def get_current_parameters(self, isolate_multiinsert_groups: bool = True) -> dict[str, Any]:
        """The values by name, those that are written into the statement included."""
        del isolate_multiinsert_groups
        return self.current_parameters

    def value_of(self, name: str, made: Any) -> Any:
        """The value of a column's default."""
        value = made.arg(self) if made.is_callable else made.arg
        self.current_parameters[name] = value
        return value
