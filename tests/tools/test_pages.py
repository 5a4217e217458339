"""The pages about tools tell the truth, where the tools are installed."""

from pathlib import Path

import pytest

from tests.docs import programs
from tests.docs.pages import Page, all_pages
from tests.staging.tools import leave_out_without


@pytest.mark.parametrize(
    "page", [page for page in all_pages() if programs.tools_of(page)], ids=lambda page: page.name
)
def test_the_program_of_a_page_runs(page: Page, tmp_path: Path, database_url: str) -> None:
    for package in programs.tools_of(page):
        leave_out_without(package)

    programs.run(page, tmp_path, {"DATABASE_URL": database_url})
