"""A direct connection, whatever its URL says; tests/poolers has those that are pooled."""

from wellhead.doctor import Report, Wishes, examine


def of_check(report: Report) -> list[str | None]:
    return [finding.code for finding in report.findings if finding.check == "pooler"]


async def test_a_direct_connection_is_known(database_url: str) -> None:
    assert of_check(await examine(Wishes(url=database_url))) == [None]


async def test_a_url_that_names_a_pooler_where_there_is_none_is_corrected(
    database_url: str,
) -> None:
    report = await examine(Wishes(url=f"{database_url}?pgbouncer=true"))

    [url] = [line.value for line in report.env if line.name == "DATABASE_URL"]
    assert of_check(report) == ["pooled_wrongly"]
    assert "pgbouncer" not in url
