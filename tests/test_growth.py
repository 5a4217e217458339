"""Every text that a client can choose is worked through in linear time."""

import logging
import re

import psycopg
import pytest
from sqlalchemy import exc as sa

from tests.staging.growth import assert_linear, filled
from wellhead.errors.discretion import words_of
from wellhead.fastapi.targets import shown
from wellhead.telemetry.logging import RedactingFormatter

SHAPES = [
    "postgres://a:", "postgresql://", "postgresql+asyncpg://a:b@", "postgres+", "postgres://a:@",
    "postgres://a:'", "://", "://a:", "://:", "a:@", ":", "@",
    "password=", "password='", "password=\\'", "password ", "password=\\\\", "passwordpassword=",
    "\\", "\\'", '"', '\\"', " ", "\n", "a", "\u0301\u0323",
]  # fmt: skip
"""What the patterns of the log look for, and what they stop at."""


@pytest.mark.parametrize("shape", SHAPES)
async def test_a_line_of_the_log_is_written_in_linear_time(shape: str) -> None:
    formatter = RedactingFormatter()

    async def write(size: int) -> None:
        text = filled(shape, size)
        formatter.format(logging.LogRecord("x", logging.INFO, "", 1, "%s", (text,), None))

    await assert_linear(write, f"a line of {shape!r}")


@pytest.mark.parametrize("shape", ["/", "a", "\n", "\u2028", "\udc80"])
async def test_a_path_is_made_fit_for_the_log_in_linear_time(shape: str) -> None:
    async def show(size: int) -> None:
        shown({"type": "http", "method": "GET", "path": filled(shape, size)})

    await assert_linear(show, f"a path of {shape!r}")


@pytest.mark.parametrize("shape", ['"', '"a', "\n", "\x1b", "invalid input for query argument $1"])
async def test_what_an_exception_says_is_told_in_linear_time(shape: str) -> None:
    async def tell(size: int) -> None:
        error = psycopg.errors.InvalidTextRepresentation(filled(shape, size))
        words_of(sa.DBAPIError("SELECT 1", {}, error))

    await assert_linear(tell, f"an exception of {shape!r}")


@pytest.mark.slow
async def test_what_takes_quadratic_time_is_found() -> None:
    quadratic = re.compile(r"postgres://[^\s:/@]*:\S*(?=@)")

    async def search(size: int) -> None:
        quadratic.search(filled("postgres://a:", min(size, 16 * 1024)))

    with pytest.raises(AssertionError, match="more than linear time"):
        await assert_linear(search, "a pattern that goes back", tries=2)
