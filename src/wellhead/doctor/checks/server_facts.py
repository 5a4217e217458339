"""The server: its version, until when it is maintained, and who runs it."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Final

from wellhead.doctor.case import Case
from wellhead.doctor.findings import Diagnosis, Finding, Outcome
from wellhead.doctor.questions import ask

SERVER_NOT_MAINTAINED = Diagnosis(
    "server_not_maintained",
    Outcome.WARNING,
    "This version of PostgreSQL is not maintained any more.",
    "Faults and holes in it are not corrected.",
    "Upgrade to a maintained version: https://www.postgresql.org/support/versioning/",
)
SERVER_ENDS_SOON = Diagnosis(
    "server_ends_soon",
    Outcome.NOTE,
    "This version of PostgreSQL will not be maintained much longer.",
    "After that day, faults and holes in it are not corrected.",
    "Plan the upgrade: https://www.postgresql.org/support/versioning/",
)
DIAGNOSES = (SERVER_NOT_MAINTAINED, SERVER_ENDS_SOON)

# https://www.postgresql.org/support/versioning/, "Final release". Before 10, the first two numbers
# were the major version; all of those are long over.
END_OF_LIFE: Final = {
    10: date(2022, 11, 10),
    11: date(2023, 11, 9),
    12: date(2024, 11, 21),
    13: date(2025, 11, 13),
    14: date(2026, 11, 12),
    15: date(2027, 11, 11),
    16: date(2028, 11, 9),
    17: date(2029, 11, 8),
    18: date(2030, 11, 14),
}
"""The day of each major version's last release."""

_SOON: Final = timedelta(days=183)

# Roles that only one provider has.
_PROVIDERS: Final = {
    "neon_superuser": "Neon",
    "rds_superuser": "Amazon RDS",
    "cloudsqlsuperuser": "Google Cloud SQL",
    "azure_pg_admin": "Azure Database",
    "supabase_admin": "Supabase",
    "doadmin": "DigitalOcean",
}

_QUESTION: Final = """
    SELECT current_setting('server_version') AS version,
        current_setting('server_version_num')::int / 10000 AS major,
        (SELECT string_agg(rolname, ' ') FROM pg_catalog.pg_roles) AS roles
"""


async def check_server(case: Case) -> AsyncIterator[Finding]:
    """Ask for the version, and recognise the provider by its roles."""
    [row] = await ask(case.probe, _QUESTION)
    roles = str(row["roles"]).split()
    provider = next((name for role, name in _PROVIDERS.items() if role in roles), None)
    if provider is None and case.url.provider == "neon":
        provider = "Neon"
    where = f", run by {provider}" if provider else ""
    number = str(row["version"]).partition(" ")[0]
    yield finding_about(int(row["major"]), f"PostgreSQL {number}{where}", datetime.now(UTC).date())


def finding_about(major: int, server: str, today: date) -> Finding:
    """What a version means on a day."""
    ends = END_OF_LIFE.get(major)
    if ends is None and major > max(END_OF_LIFE):
        return Finding(f"{server}, which is newer than this doctor.")
    if ends is None or ends < today:
        since = "" if ends is None else f" since {ends}"
        return SERVER_NOT_MAINTAINED.found(f"{server}, which has not been maintained{since}.")
    seen = f"{server}, which is maintained until {ends}."
    return SERVER_ENDS_SOON.found(seen) if ends - today < _SOON else Finding(seen)
