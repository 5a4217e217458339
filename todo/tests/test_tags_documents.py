"""A tag as text is the JSON that the schemas describe."""

import json
from datetime import UTC

from hypothesis import given
from hypothesis import strategies as st

from todo.tags.documents import counted_tag_document, tag_document
from todo.tags.schemas import CountedTag, TagRead
from todo.tags.sql import CountedTagRow

ROWS = st.builds(
    CountedTagRow,
    id=st.uuids(),
    name=st.text(st.characters(exclude_categories=["Cs"])),
    color=st.just("#2563eb"),
    created_at=st.datetimes(timezones=st.just(UTC)),
    updated_at=st.datetimes(timezones=st.just(UTC)),
    version=st.integers(1, 2**31 - 1),
    name_folded=st.just(""),
    task_count=st.integers(0, 2**40),
)


@given(ROWS)
def test_it_says_what_the_models_would_say(row: CountedTagRow) -> None:
    for document, model in ((tag_document, TagRead), (counted_tag_document, CountedTag)):
        shown = json.loads(document(row))

        assert shown == json.loads(model.model_validate(shown).model_dump_json())
        assert list(shown) == list(model.model_fields)
        assert (shown["name"], shown["etag"]) == (row.name, f'"{row.version}"')
