"""Searching for what is typed: beginnings of words, without case and accents, whatever it is."""

import pytest
from httpx2 import AsyncClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text as sa_text
from staged import StagedAccount
from task_api import TaskAPI

from tests.staging.growth import assert_linear, filled
from todo.tasks.search import LONGEST_WORD, MOST_WORDS, tsquery_of
from wellhead import Database


@pytest.fixture
def api(client: AsyncClient, account: StagedAccount) -> TaskAPI:
    return TaskAPI(client, account)


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("bre", "'bre':*"),
        ("Buy  Brötchen", "'buy':* & 'brotchen':*"),
        ('"oat milk" now', "'oat' <-> 'milk' & 'now':*"),
        ("milk -oat", "'milk':* & !('oat')"),
        ('milk -"oat milk"', "'milk':* & !('oat' <-> 'milk')"),
        ("a or b c OR -d", "'a':* | 'b':* & 'c':* | !('d')"),
        ("e-mail", "'e' <-> 'mail':*"),
        ("or", "'or':*"),
        ("or or", "'or':*"),
        ("or milk or or", "'milk':*"),
        ('"or"', "'or'"),
        ('open "quote', "'open':* & 'quote'"),
        ("牛乳", "'牛' <-> '乳':*"),
        ("!? - & | :* ' \\ <->", ""),
        ('""', ""),
    ],
)
def test_a_text_becomes_a_query(text: str, query: str) -> None:
    assert tsquery_of(text) == query


@pytest.mark.parametrize(
    ("title", "q"),
    [
        ("Buy bread", "bread"),
        ("Buy bread", "bre"),
        ("Buy bread", "BUY BR"),
        ("Buy Brötchen", "brotchen"),
        ("Buy Brotchen", "Brötchen"),
        ("Buy Bro\u0308tchen", "BRÖT"),
        ("Straße", "strasse"),
        ("STRASSE", "straße"),
        ("Łódź", "lodz"),
        ("Smørrebrød", "smorre"),
        ("İstanbul", "istanbul"),
        ("ISPARTA \u0131s\u0131", "isi"),
        ("naïve café", '"naive cafe"'),
        ("don't", "don't"),
        ("Write to bob@example.com", "example"),
        ("See https://example.com/a/path?x=1", "path"),
        ("Version 2.5 of 1e5x", "2.5 1e5"),
        ("file_name", "name"),
        ("牛乳を買う", "買う"),
        ("ﾊﾟﾝ", "パン"),
        ("한국어", "한국"),
        ("हिन्दी सीखो", "हिन्"),
        ("ซื้อนม", "ซื้อ"),
        ("Привет, мир", "МИР"),
        ("Ελλάδα", "ελλαδ"),
        ("co\u00adop", "coop"),
        ("a" * 200, "a" * 150),
    ],
)
async def test_a_task_is_found_by_the_beginnings_of_its_words(
    api: TaskAPI, title: str, q: str
) -> None:
    await api.task(title)
    await api.task("nothing of it", description=title)
    await api.task("another")

    assert await api.titles(q=q, sort="created_at") == [title, "nothing of it"]


@pytest.mark.parametrize(
    ("title", "q"),
    [
        ("Buy bread", "breads"),
        ("Buy bread", '"bre"'),
        ("Buy bread", '"bread buy"'),
        ("Buy bread", "read"),
        ("Buy bread", "-buy bread"),
        ("Buy bread", "!?"),
        ("牛乳を買う", "乳牛"),
    ],
)
async def test_a_task_is_not_found_by_what_is_not_in_it(api: TaskAPI, title: str, q: str) -> None:
    await api.task(title)

    assert await api.titles(q=q) == []


async def test_excluding_a_word_excludes_that_word_only(api: TaskAPI) -> None:
    for title in ("milk of oat", "milk and oatmeal"):
        await api.task(title)

    assert await api.titles(q="mil -oat") == ["milk and oatmeal"]


ODD = st.text("ab1'\"\\-|&!():*<> or\u0301\u0f73ﷺ牛\u200b€é\ufe0f😀%_", max_size=200)


async def test_postgresql_takes_every_query(wellhead_url: str, database: Database) -> None:
    del wellhead_url
    texts: list[str] = [
        "\ufdfa" * 200,
        "\u3316" * 200,
        "牛" * 200,
        "a " * 100,
        "- " * 100,
        '-"' * 100,
        "a or " * 40,
        "a" * 200,
        "ǆ" * 200,
    ]

    @given(ODD | st.text(max_size=200))
    def collect(text: str) -> None:
        texts.append(text)

    collect()
    async with database, database.reader() as reader:
        for text in texts:
            query = tsquery_of(text)
            assert query.count("'") <= 2 * MOST_WORDS
            assert all(len(word) <= LONGEST_WORD for word in query.split("'")[1::2])
            await reader.execute(sa_text("SELECT to_tsquery('simple', :q)"), {"q": query})


SHAPES = ["a ", "-", '"', '-"', "or ", "\u0301\u0323", "\u0f73", "ﷺ", "牛"]


@pytest.mark.parametrize("shape", SHAPES)
async def test_reading_a_text_takes_linear_time(shape: str) -> None:
    async def read(size: int) -> None:
        tsquery_of(filled(shape, size))

    await assert_linear(read, f"a search of {shape!r}")


LONGEST = ["\ufdfa" * 200, "\u3316" * 200, "\U0002a6d6" * 200, "\U0001e922" * 200, "\u0301" * 200]
"""Titles that become longer when they are folded, or have no word."""


async def test_what_folding_makes_longest_is_stored_listed_and_found(api: TaskAPI) -> None:
    for title in LONGEST:
        await api.task(title, description=(title * 50)[:10_000])
    ideographs = "".join(map(chr, range(0x4E00, 0x4E00 + 10_000)))
    await api.task("ideographs", description=ideographs)

    assert await api.titles(q="牛乳") == []
    assert await api.titles(q=ideographs[5000:5200]) == ["ideographs"]
    for title in LONGEST[:-1]:
        assert await api.titles(q=title) == [title]
    for sort in ("title", "-title"):
        query = {"sort": sort, "limit": 1}
        seen = []
        while True:
            page = await api.expect(200, "GET", "/tasks", params=query)
            seen += [task["title"] for task in page["items"]]
            if page["next_cursor"] is None:
                break
            query["cursor"] = page["next_cursor"]
        assert sorted(seen) == sorted([*LONGEST, "ideographs"])
