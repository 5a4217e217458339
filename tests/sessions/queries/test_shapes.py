"""What is made of a row, and what is said where it does not fit."""

from dataclasses import dataclass, field

import pytest
from pydantic import BaseModel, Field

from wellhead import ConfigurationError
from wellhead.sessions.queries.shapes import fields_of, maker


class Small(BaseModel):
    """A model with an alias and a limit."""

    id: int
    size: int = Field(le=9, validation_alias="extent")


@dataclass(kw_only=True)
class Keyed:
    """A dataclass that takes no positions, with a field that need not be given."""

    id: int
    tags: list[str] = field(default_factory=list)


@dataclass
class Turned:
    """A dataclass whose fields come in another order than the columns."""

    name: str
    id: int


def test_a_model_is_made_by_the_names_that_it_takes() -> None:
    names = fields_of(Small, ["id", "extent"])

    assert maker([None, None], names, Small)([1, 2]) == Small(id=1, extent=2)


def test_a_row_that_a_model_refuses_is_not_repeated() -> None:
    with pytest.raises(ConfigurationError) as refused:
        maker([None, None], ["id", "extent"], Small)([1, 4711])

    assert "extent: less_than_equal" in str(refused.value)
    assert "4711" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_a_dataclass_is_made_by_names() -> None:
    assert maker([None], ["id"], Keyed)([1]) == Keyed(id=1)
    assert maker([None, None], ["id", "name"], Turned)([1, "a"]) == Turned("a", 1)
    assert maker([None, None], ["name", "id"], Turned)(["a", 1]) == Turned("a", 1)


def test_names_that_are_no_names_of_python_are_replaced() -> None:
    row = maker([None, None, None], ["a b", "x", "x"], None)([1, 2, 3])

    assert row == (1, 2, 3)
    assert row.x == 2
