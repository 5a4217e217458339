"""Where a connection was taken: remembered without keeping anything alive, told in words."""

import gc
import inspect
import weakref

from wellhead.pool.leaks import Stack, describe, place, stack_here, stack_of


class Thing:
    """Something that a caller has in a variable."""


def remember() -> tuple[Stack, "weakref.ref[Thing]"]:
    thing = Thing()
    return stack_of(inspect.currentframe()), weakref.ref(thing)


def test_the_nearest_caller_outside_the_libraries_is_the_place() -> None:
    stack = stack_here()
    said = place(stack)

    assert said is not None
    assert said.startswith("test_the_nearest_caller_outside_the_libraries_is_the_place (")
    assert "(test_leaks.py:" in said


def test_the_stack_is_told_as_a_traceback_is_the_nearest_caller_last() -> None:
    def taker() -> str:
        return describe(stack_here())

    lines = taker().splitlines()

    assert lines[-1].strip() == "return describe(stack_here())"
    assert lines[-2].endswith("in taker")
    assert lines[-3].strip() == "lines = taker().splitlines()"


def test_no_variable_of_a_caller_is_kept_alive() -> None:
    stack, thing = remember()
    gc.collect()

    assert stack
    assert thing() is None


def test_it_is_of_limited_depth() -> None:
    def deep(levels: int) -> int:
        return len(stack_here()) if levels == 0 else deep(levels - 1)

    assert deep(100) == deep(200) == 8


def test_where_nothing_is_known_nothing_is_said() -> None:
    assert stack_of(None) == ()
    assert place(()) is None
    assert describe(()) == ""
