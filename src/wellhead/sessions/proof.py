"""What a statement does, proved from its structure; without a proof the worst is assumed.

SQLAlchemy compiles a statement once and keeps the result. Everything that goes into the
text passes its compiler, and the one here records functions, text and operators that the
application wrote itself, INSERT, UPDATE and DELETE, and row locks. The verdict is kept with the
compiled statement, so for a statement that was seen before it costs an attribute lookup.

The application's own objects behind a table name or an operator cannot be seen from here: views,
policies, triggers, operators of its own types.
"""

import re
from collections.abc import Mapping
from typing import Any

from sqlalchemy.engine import Engine
from sqlalchemy.engine.interfaces import ExecutionContext
from sqlalchemy.types import UserDefinedType

from wellhead.sessions.functions import HARMLESS, PLAIN, SYNTAX
from wellhead.sessions.parts import parts_of

_SET_CONFIG = "set_config"
# One name, number or constant: even two words could write, as in "1 INTO copy".
_PLAIN_TEXT = re.compile(
    r"-?[\w.]+|(?:\w+\.)*\*|(?:(?:interval|date|timestamptz?) )?'[^'\\]*'(?:::\w+)?", re.IGNORECASE
)

# The operators of pg_catalog, as signs and words; tests/sessions/test_proof.py asks the server. Any
# other word in front of a parenthesis would be a function call.
_SIGNS = """
+ - * / % ^ & | # ~ < > = <= >= <> != << >> << >> && || |/ ||/ !! @ @> <@ @@ @@@ @? ? ?| ?& -> ->>
#> #>> #- <-> &< &> <<| |>> &<| |&> <^ >^ ?# ?- ?-| ?|| ## @-@ ~= ~~ ~~* !~~ !~~* ~* !~ !~* ^@ -|-
<<= >>= ~<~ ~<=~ ~>~ ~>=~ *= *<> *< *> *<= *>=
"""
_WORDS = """
AND|OR|NOT|LIKE|NOT LIKE|ILIKE|NOT ILIKE|SIMILAR TO|NOT SIMILAR TO|IN|NOT IN|IS|IS NOT
IS DISTINCT FROM|IS NOT DISTINCT FROM|OVERLAPS|AT TIME ZONE|ESCAPE
"""
OPERATORS = frozenset(_SIGNS.split())
_KEYWORDS = frozenset(re.split(r"[|\n]", _WORDS.strip()))

_NAME = re.compile(r"\w+")
_WORDS_OF_A_TYPE = re.compile(r"[\w .@-]*")

# One of SQLAlchemy's compilers follows as a second base, in a class made for each dialect. They
# have no types.
_Compiler: Any = object

_READS_ONLY = PLAIN | SYNTAX
_LIBRARIES = ("sqlalchemy.", "sqlmodel.")
_LEAVES_NOTHING = _READS_ONLY | HARMLESS


class Evidence(_Compiler):  # type: ignore[misc]
    """What a compiler saw in the statement that it compiled.

    Attributes:
        unproved: It contains text, operators or constructs of the application's own.
        writes: It contains INSERT, UPDATE or DELETE, anywhere.
        locks: It locks rows.
        functions: The names of the functions that it calls.
        settings: The parameters that tell ``set_config`` whether the setting is local.
        only_reads: Whether it is proved to be a SELECT without side effects.
        leaves_nothing: Whether it is proved to leave no session state after its transaction.
    """

    unproved = False
    writes = False
    locks = False
    functions: frozenset[str] = frozenset()
    settings: tuple[Any, ...] = ()
    only_reads = False
    leaves_nothing = False

    def __init__(self, dialect: Any, statement: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(dialect, statement, *args, **kwargs)
        built = getattr(self.compile_state, "statement", None)
        for whole in (statement, built):
            if whole is not None and any(map(_is_own, parts_of(whole))):
                self.unproved = True
        # Their values become part of the text when it runs.
        self.unproved |= bool(self.literal_execute_params)
        self.leaves_nothing = not self.unproved and self.functions <= _LEAVES_NOTHING
        self.only_reads = not (
            self.unproved or self.writes or self.locks or self.functions - _READS_ONLY
        )

    def sets_for_the_session(self, parameters: Mapping[str, Any]) -> bool:
        """Whether it calls ``set_config`` for longer than the transaction."""
        names = [self.bind_names.get(each) for each in self.settings]
        return any(name is None or parameters.get(name) is not True for name in names)

    @property
    def leaves_settings_only(self) -> bool:
        """Whether it leaves nothing except what ``set_config`` sets."""
        return not self.unproved and self.functions - _LEAVES_NOTHING == {_SET_CONFIG}

    def process(self, obj: Any, **kwargs: Any) -> Any:
        """Compile a part."""
        # A long text has many parts, and each is checked only while the verdict can still change.
        self.unproved = self.unproved or _is_own(obj)
        return super().process(obj, **kwargs)

    def visit_function(self, func: Any, *args: Any, **kwargs: Any) -> Any:
        """Compile a function call."""
        schema, name = tuple(getattr(func, "packagenames", ())), func.name.lower()
        # A quoted name is not the server's function of the same name in lower case.
        is_quoted = getattr(func.name, "quote", None) and name != func.name
        if is_quoted or schema not in {(), ("pg_catalog",)}:
            self.unproved = True
        elif name == _SET_CONFIG:
            self.settings += (_third_parameter(func),)
        self.functions |= {name}
        return super().visit_function(func, *args, **kwargs)

    def visit_next_value_func(self, next_value: Any, **kwargs: Any) -> Any:
        """Compile the next value of a sequence."""
        self.functions |= {"nextval"}
        return super().visit_next_value_func(next_value, **kwargs)

    def visit_textclause(self, textclause: Any, *args: Any, **kwargs: Any) -> Any:
        """Compile text."""
        self.unproved = True
        return super().visit_textclause(textclause, *args, **kwargs)

    def escape_literal_column(self, text: Any) -> Any:
        """Compile the text of a column or of an operator."""
        self.unproved |= _PLAIN_TEXT.fullmatch(text) is None and not _is_operator(text)
        return super().escape_literal_column(text)

    def visit_custom_op_binary(self, element: Any, operator: Any, **kwargs: Any) -> Any:
        """Compile a custom operator of the application, between two operands."""
        self.unproved |= not _is_operator(operator.opstring)
        return super().visit_custom_op_binary(element, operator, **kwargs)

    def visit_custom_op_unary_operator(self, element: Any, operator: Any, **kwargs: Any) -> Any:
        """Compile a custom operator of the application, before its operand."""
        self.unproved |= not _is_operator(operator.opstring)
        return super().visit_custom_op_unary_operator(element, operator, **kwargs)

    def visit_custom_op_unary_modifier(self, element: Any, operator: Any, **kwargs: Any) -> Any:
        """Compile a custom operator of the application, after its operand."""
        self.unproved |= not _is_operator(operator.opstring)
        return super().visit_custom_op_unary_modifier(element, operator, **kwargs)

    def visit_extract(self, extract: Any, **kwargs: Any) -> Any:
        """Compile EXTRACT, whose field is written unchanged."""
        self.unproved |= _NAME.fullmatch(extract.field) is None
        return super().visit_extract(extract, **kwargs)

    def visit_typeclause(self, typeclause: Any, **kwargs: Any) -> Any:
        """Compile a type, as in a cast."""
        self.unproved |= _is_own_type(typeclause.type)
        return super().visit_typeclause(typeclause, **kwargs)

    def render_bind_cast(self, type_: Any, dbapi_type: Any, sqltext: Any) -> Any:
        """Compile the type of a parameter."""
        self.unproved |= _is_own_type(dbapi_type)
        return super().render_bind_cast(type_, dbapi_type, sqltext)

    def visit_table_valued_alias(self, element: Any, **kwargs: Any) -> Any:
        """Compile the alias of a table function, with the types of its columns."""
        self.unproved |= any(_is_own_type(each.type) for each in element.c)
        return super().visit_table_valued_alias(element, **kwargs)

    def render_literal_value(self, value: Any, type_: Any) -> Any:
        """Compile a literal value into the text."""
        self.unproved |= not type(type_).__module__.startswith(_LIBRARIES)
        return super().render_literal_value(value, type_)

    def get_statement_hint_text(self, hint_texts: Any) -> Any:
        """Compile hints for a statement."""
        self.unproved |= bool(hint_texts)
        return super().get_statement_hint_text(hint_texts)

    def get_select_hint_text(self, byfroms: Any) -> Any:
        """Compile hints for a SELECT."""
        self.unproved |= bool(byfroms)
        return super().get_select_hint_text(byfroms)

    def get_from_hint_text(self, table: Any, text: Any) -> Any:
        """Compile a hint for a table."""
        self.unproved |= bool(text)
        return super().get_from_hint_text(table, text)

    def for_update_clause(self, select: Any, **kwargs: Any) -> Any:
        """Compile a row lock."""
        self.locks = True
        return super().for_update_clause(select, **kwargs)

    def visit_insert(self, *args: Any, **kwargs: Any) -> Any:
        """Compile INSERT."""
        self.writes = True
        return super().visit_insert(*args, **kwargs)

    def visit_update(self, *args: Any, **kwargs: Any) -> Any:
        """Compile UPDATE."""
        self.writes = True
        return super().visit_update(*args, **kwargs)

    def visit_delete(self, *args: Any, **kwargs: Any) -> Any:
        """Compile DELETE."""
        self.writes = True
        return super().visit_delete(*args, **kwargs)


def _is_own(element: Any) -> bool:
    # Compiled by a function of the application, about which nothing is known.
    if hasattr(type(element), "_compiler_dispatcher"):
        return True
    kind = getattr(element, "type", None)
    if getattr(kind, "_has_column_expression", False) or getattr(
        kind, "_has_bind_expression", False
    ):
        return True
    return any(_is_raw(getattr(element, each, None)) for each in ("name", "schema", "collation"))


def _is_raw(name: object) -> bool:
    # Written without quotes, whatever it contains.
    return getattr(name, "quote", None) is False and _NAME.fullmatch(str(name)) is None


def _is_own_type(kind: Any) -> bool:
    """Whether the text of a type is, or contains, the application's."""
    if hasattr(type(kind), "_compiler_dispatcher") or isinstance(kind, UserDefinedType):
        return True
    parts = (getattr(kind, name, None) for name in ("item_type", "impl_instance"))
    if any(part is not None and part is not kind and _is_own_type(part) for part in parts):
        return True
    numbers = (getattr(kind, name, None) for name in ("length", "precision", "scale", "dimensions"))
    if not all(number is None or isinstance(number, int) for number in numbers):
        return True
    words = (getattr(kind, name, None) or "" for name in ("collation", "fields"))
    names = (getattr(kind, name, None) for name in ("name", "schema"))
    return any(map(_is_raw, names)) or not all(map(_WORDS_OF_A_TYPE.fullmatch, words))


def _is_operator(sign: str) -> bool:
    return sign in OPERATORS or " ".join(sign.split()).upper() in _KEYWORDS


def _third_parameter(func: Any) -> Any:
    arguments = list(func.clauses)
    return arguments[2] if len(arguments) > 2 else None  # noqa: PLR2004


def collect_evidence(engine: Engine) -> None:
    """Attach an :class:`Evidence` to the compiled statements of this engine."""
    compiler = engine.dialect.statement_compiler
    proving: Any = type(f"Proving{compiler.__name__}", (Evidence, compiler), {})
    engine.dialect.statement_compiler = proving


def parameters_of(context: ExecutionContext) -> Mapping[str, Any]:
    """The values of a built statement that is about to run, by parameter name."""
    several: list[Mapping[str, Any]] = getattr(context, "compiled_parameters", None) or [{}]
    return several[0]


def evidence_of(context: ExecutionContext) -> Evidence | None:
    """What is known about the statement that is about to run; None for text and DDL."""
    compiled: Any = context.compiled
    return compiled if isinstance(compiled, Evidence) else None
