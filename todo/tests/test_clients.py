"""The document by the linters and generators of others, and their clients on the running service.

`make clients` installs them and runs this; `todo/clients` has one program for each generator, and
their configuration.
"""

import asyncio
import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from documented import document
from fastapi import FastAPI

import todo
import wellhead
from tests.docs.pages import page
from tests.staging.server import serve

if not os.environ.get("TODO_CLIENTS"):
    pytest.skip("needs Node.js; make clients installs and runs it", allow_module_level=True)

pytestmark = pytest.mark.wellhead(commit=True)

CLIENTS = Path(__file__).parents[1] / "clients"
GENERATED = CLIENTS / "generated"

GENERATORS = (
    ("openapi-typescript", "generated/openapi.json", "--output", "generated/todo.ts"),
    ("openapi-ts",),
    ("orval",),
)

LINTERS = (
    ("spectral", "lint", "--fail-severity=hint", "generated/openapi.json"),
    ("redocly", "lint", "generated/openapi.json"),
)

PROGRAMS = ("openapi-fetch", "hey-api", "orval", "client")
"""One for each generator, and that of the page."""

PARSE = """
const parts = (part) => part && typeof part === "object" ? [part, ...Object.values(part).flatMap(parts)] : [];
const document = JSON.parse(require("fs").readFileSync("generated/openapi.json"));
const patterns = parts(document).map((part) => part.pattern).filter((each) => typeof each === "string");
for (const pattern of patterns) new RegExp(pattern, "u");
console.log(patterns.length);
"""  # noqa: E501 - a program of another language


async def ran(*command: str, **environment: str) -> str:
    """Run a program of `todo/clients`, which must succeed; returns what it printed."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=CLIENTS,
        env={**os.environ, "REDOCLY_TELEMETRY": "off", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, f"{' '.join(command)}:\n{output.decode()}"
    return output.decode()


async def tool(name: str, *arguments: str) -> str:
    """Run one of the installed tools."""
    return await ran(str(CLIENTS / "node_modules" / ".bin" / name), *arguments)


async def generate() -> None:
    """Write the document, and generate and bundle everything from it."""
    GENERATED.mkdir(exist_ok=True)
    (GENERATED / "openapi.json").write_text(json.dumps(document()))
    (block,) = (each for each in page("how-to/write-a-client.md").blocks if each.language == "ts")
    (GENERATED / "client.ts").write_text(block.text)
    await asyncio.gather(*(tool(*generator) for generator in GENERATORS))
    sources = [*map(str, (CLIENTS / "src").glob("*.ts")), str(GENERATED / "client.ts")]
    await tool(
        "esbuild", *sources, "--bundle", "--platform=node", "--format=esm", "--log-level=error",
        "--entry-names=[name]", "--out-extension:.js=.mjs", "--outdir=generated/programs",
    )  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _generated() -> None:
    asyncio.run(generate())


@pytest.mark.parametrize("linter", LINTERS, ids=lambda linter: str(linter[0]))
async def test_a_linter_finds_nothing(linter: Sequence[str]) -> None:
    await tool(*linter)


async def test_javascript_parses_every_pattern() -> None:
    assert int(await ran("node", "--eval", PARSE)) > 10


async def test_everything_that_is_generated_and_uses_it_is_of_the_right_types() -> None:
    await tool("tsc")


async def test_the_modules_of_the_todo_client_are_of_the_right_types() -> None:
    await tool("tsc", "--noEmit", "--project", str(Path(todo.__file__).parent / "client"))


async def test_the_modules_of_the_live_page_are_of_the_right_types() -> None:
    live = Path(wellhead.__file__).parent / "fastapi" / "live"
    await tool("tsc", "--noEmit", "--project", str(live))


@pytest.mark.parametrize("program", PROGRAMS)
async def test_a_generated_client_does_everything_on_the_running_service(
    app: FastAPI, program: str
) -> None:
    async with serve(app) as base_url:
        printed = await ran("node", f"generated/programs/{program}.mjs", TODO_URL=base_url)

    assert "all as expected" in printed


def test_the_lock_names_no_host() -> None:
    lock = (CLIENTS / "package-lock.json").read_text()

    assert "://" not in lock, "make clients-lock writes it without"
