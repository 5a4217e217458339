"""What a page loads by itself is found, wherever the page says it."""

import pytest

from tests.site.built import BuiltPage, is_outside

OUTSIDE = "https://fonts.example/x"


@pytest.mark.parametrize(
    "page",
    [
        f'<link rel="stylesheet" href="{OUTSIDE}">',
        f'<link rel="preconnect" href="{OUTSIDE}"/>',
        f'<link href="{OUTSIDE}" rel="prefetch next">',
        f'<script src="{OUTSIDE}"></script>',
        f'<img alt="" src="{OUTSIDE}">',
        f'<img src="near.png" srcset="near.png 1x, {OUTSIDE} 2x">',
        f'<picture><source srcset="{OUTSIDE}"></picture>',
        f'<iframe src="{OUTSIDE}"></iframe>',
        f'<svg><use xlink:href="{OUTSIDE}"/></svg>',
        f"<style>@import '{OUTSIDE}';</style>",
        f"<style>@import url({OUTSIDE});</style>",
        f'<style>@font-face {{ src: url("{OUTSIDE}") }}</style>',
        f"<p style='background: url({OUTSIDE})'>x</p>",
        f'<meta http-equiv="refresh" content="0; url={OUTSIDE}">',
    ],
)
def test_what_a_browser_fetches_from_elsewhere_is_found(page: str) -> None:
    assert [each for each in BuiltPage(page).loads if is_outside(each)] == [OUTSIDE]


@pytest.mark.parametrize(
    "page",
    [
        f'<a href="{OUTSIDE}">elsewhere</a>',
        f'<link rel="canonical" href="{OUTSIDE}">',
        f"<code>@import url({OUTSIDE})</code>",
        '<img src="data:image/png;base64,AAAA">',
        '<link rel="stylesheet" href="../_static/site.css?v=1">',
    ],
)
def test_what_a_browser_does_not_fetch_from_elsewhere_is_none_of_it(page: str) -> None:
    assert [each for each in BuiltPage(page).loads if is_outside(each)] == []


def test_an_address_without_a_scheme_can_name_another_machine() -> None:
    assert is_outside("//fonts.example/x")


def test_links_and_anchors_are_told_apart() -> None:
    page = BuiltPage('<h2 id="one">x</h2><a href="b.html#two">y</a>')

    assert "one" in page.anchors
    assert page.links == ["b.html#two"]
