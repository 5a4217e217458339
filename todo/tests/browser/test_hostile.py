"""Whatever is typed is text: as a title, as a tag, in an address."""

import pytest
from browser.service import Service
from browser.todo_page import TodoPage, create, listed
from browser.visitors import Visitors
from httpx2 import AsyncClient
from playwright.async_api import expect
from staged import StagedAccount

MARKUP = '<img src=x onerror="window.attacked=1"><script>window.attacked=1</script>'
TEMPLATE = "${attacked=1}{{attacked=1}}<!--?lit$1$-->"
STYLE = "</style><style>*{display:none}</style>"
SCHEME = "javascript:window.attacked=1"
BIDI = "\u202egnp.exe \u2066 \u200b zero\u200bwidth"


@pytest.mark.parametrize("hostile", [MARKUP, TEMPLATE, STYLE, SCHEME, BIDI])
async def test_hostile_text_is_text(
    visitors: Visitors,
    service: Service,
    api: AsyncClient,
    person: StagedAccount,
    hostile: str,
) -> None:
    tag = hostile[:50]
    await api.patch("/api/auth/me", json={"name": hostile}, headers=person.headers)
    await api.post(
        "/api/auth/tokens", json={"name": hostile, "scope": "read"}, headers=person.headers
    )
    await create(api, person, {"title": hostile, "description": hostile, "tags": [tag]})
    todo = TodoPage(await visitors.come(service.address, f"/#/tag/{hostile}"))
    page = todo.page
    await todo.log_in(person)
    await page.goto(f"/?{hostile}#/{hostile}")
    await expect(todo.titles).to_have_text([hostile], use_inner_text=False)
    await expect(todo.tasks.locator(".chip")).to_have_text(tag)

    form = await todo.open("")
    await expect(form.get_by_label("Title")).to_have_value(hostile)
    await expect(form.get_by_label("Notes")).to_have_value(hostile)
    await form.get_by_label("Title").fill(f"{hostile}!")
    await form.get_by_label("Title").press("Enter")
    await todo.row("!").get_by_role("checkbox").click()
    await expect(todo.toast).to_contain_text(f"{hostile}!")
    await todo.new.fill(hostile)
    await todo.new.press("Enter")
    await expect(todo.titles).to_have_text([hostile])
    await page.get_by_role("searchbox").fill(hostile)
    await page.get_by_role("searchbox").fill("")

    dialog = await todo.dialog("Edit tags")
    await expect(dialog.get_by_label(f"Name of {tag}")).to_have_value(tag)
    await page.keyboard.press("Escape")
    await page.locator(".foot").get_by_role("button", name=hostile).click()
    await dialog.get_by_text("API tokens", exact=True).click()
    await expect(dialog.locator("strong").filter(has_text=hostile)).to_be_visible()
    await page.keyboard.press("Escape")
    await todo.saved()

    assert await page.evaluate("window.attacked") is None
    assert await page.locator("main img, main script, main style, .row a").count() == 0
    assert {task["title"] for task in await listed(api, person)} == {hostile, f"{hostile}!"}
