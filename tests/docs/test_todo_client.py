"""The page about the Todo client, compared with the client."""

import re
from pathlib import Path

import todo
from tests.docs.pages import page

MESSAGES = Path(todo.__file__).parent / "client" / "messages.js"
KEYS = re.compile(r"keys: .*?\(\[(.*?)\]\)", re.DOTALL)


def test_the_page_has_every_key_of_the_client() -> None:
    found = KEYS.search(MESSAGES.read_text(encoding="utf-8"))
    assert found is not None
    keys = dict(re.findall(r'\["(.*?)", "(.*?)"\]', found[1]))

    assert {row["Key"]: row["Does"] for row in page("how-to/use-the-todo-client.md").rows()} == keys
