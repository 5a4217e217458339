"""The table of functions, compared with the server's."""

import asyncpg

from wellhead.sessions.functions import EFFECTS, HARMLESS, PLAIN, SYNTAX

OVERLOADS = """
    SELECT proname, bool_or(provolatile = 'v') AS is_volatile
    FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace GROUP BY proname
"""


async def test_no_overload_of_a_plain_function_is_volatile(database_url: str) -> None:
    volatile = {
        name for name, is_volatile in (await overloads(database_url)).items() if is_volatile
    }

    assert PLAIN & volatile == set()


async def test_every_plain_function_is_known_to_this_server(database_url: str) -> None:
    known = await overloads(database_url)

    assert PLAIN - set(known) == set()
    assert len(PLAIN) > 400


async def test_what_is_harmless_or_has_effects_is_volatile(database_url: str) -> None:
    known = await overloads(database_url)
    volatile = {name for name, is_volatile in known.items() if is_volatile}
    stable = {"pg_current_xact_id", "txid_current", "dblink"}

    assert {name for name in (HARMLESS | EFFECTS) - stable if name in known} <= volatile


def test_no_function_is_of_two_kinds() -> None:
    assert set() == PLAIN & (HARMLESS | EFFECTS)
    assert set() == SYNTAX & (HARMLESS | EFFECTS)


async def overloads(url: str) -> dict[str, bool]:
    connection = await asyncpg.connect(url)
    found = {row["proname"]: row["is_volatile"] for row in await connection.fetch(OVERLOADS)}
    await connection.close()
    return found
