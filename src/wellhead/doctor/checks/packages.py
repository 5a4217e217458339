"""The installed packages: versions with faults that are known to break an application."""

import re
from collections.abc import AsyncIterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from wellhead.doctor.case import Case
from wellhead.doctor.findings import Diagnosis, Finding, Outcome

FAULTY_PACKAGE = Diagnosis(
    "faulty_package",
    Outcome.WARNING,
    "An installed package has a fault that is known, and corrected in a newer version.",
    "Each of these faults was met: rows of other callers behind a pooler, statements that never "
    "end on a silent network, a COMMIT that fails after the response.",
    "pip install --upgrade wellhead sqlalchemy asyncpg fastapi",
)
DIAGNOSES = (FAULTY_PACKAGE,)

FAULTS: Final[Mapping[str, tuple[tuple[tuple[int, ...], str], ...]]] = {
    "asyncpg": (
        ((0, 31), "it reads other callers' rows behind a pooler"),
        ((0, 32), "it waits forever on a network that went silent"),
    ),
    "fastapi": (((0, 121, 1), "it sends the response before the COMMIT, so a failure is lost"),),
    "psycopg": (((3, 3), "a cancelled statement can leave its connection unusable"),),
    "sqlalchemy": (((2, 0, 41), "Wellhead was not tested with anything older"),),
}
"""For each package the first version without a fault, and the fault."""


async def check_packages(case: Case) -> AsyncIterator[Finding]:
    """Compare the installed versions with the table."""
    names = ["sqlalchemy", case.url.driver, "fastapi"]
    installed = {name: found for name in names if (found := _installed(name)) is not None}
    faulty = False
    for name, number in installed.items():
        for fault in faults_of(name, number):
            faulty = True
            yield FAULTY_PACKAGE.found(
                f"{name} {number}: {fault}.", cure=f"pip install --upgrade {name}"
            )
    if not faulty:
        shown = ", ".join(f"{name} {number}" for name, number in installed.items())
        yield Finding(f"{shown} have no fault that is known here.")


def faults_of(name: str, number: str) -> list[str]:
    """The known faults of a package in a version; the worst one is first."""
    parts = tuple(int(part) for part in re.findall(r"\d+", number)[:3])
    return [fault for corrected, fault in FAULTS.get(name, ()) if parts < corrected][:1]


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
