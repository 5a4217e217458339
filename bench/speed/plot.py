"""Bars with their spread as SVG, for light and for dark pages."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path

from bench.speed.ratio import Spread

_WIDTH, _LABELS, _VALUES, _TOP, _BAR, _GAP = 820, 300, 60, 58, 13, 10
_SPAN = _WIDTH - _LABELS - _VALUES

THEMES = {
    "light": {"ink": "#1f2328", "faint": "#d1d9e0", "series": ("#0969da", "#bc4c00")},
    "dark": {"ink": "#f0f6fc", "faint": "#3d444d", "series": ("#4493f8", "#db6d28")},
}
"""Colours that are told apart by those who see fewer of them, too."""


def bars(
    title: str, series: Sequence[str], rows: Mapping[str, Sequence[Spread | None]], theme: str
) -> str:
    """A chart: for each row a bar of each series, its figure, and a line over the middle half.

    Args:
        title: What is shown, with its unit.
        series: What the bars of a row are.
        rows: The values by their titles, which may hold Markdown.
        theme: One of `THEMES`.
    """
    colours = THEMES[theme]
    high = max((each.high for row in rows.values() for each in row if each), default=1.0)
    height = _TOP + len(rows) * (len(series) * _BAR + _GAP) + _GAP
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'aria-label="{escape(title)}" font-family="system-ui, sans-serif" font-size="12" '
        f'fill="{colours["ink"]}">'
    )
    parts = [
        opening,
        f'<text x="0" y="18" font-size="15" font-weight="600">{escape(title)}</text>',
        *_legend(series, colours["series"]),
    ]
    y = float(_TOP)
    for name, values in rows.items():
        weight = ' font-weight="700"' if "**" in name else ""
        plain = escape(name.replace("*", "").replace("`", ""))
        middle = y + len(series) * _BAR / 2 + 4
        parts.append(
            f'<text x="{_LABELS - 8}" y="{middle:.0f}" text-anchor="end"{weight}>{plain}</text>'
        )
        for value, colour in zip(values, colours["series"], strict=False):
            parts.extend(_bar(value, y, high, colour, str(colours["ink"])))
            y += _BAR
        y += _GAP
    parts.append(
        f'<line x1="{_LABELS}" x2="{_LABELS}" y1="{_TOP - 4}" y2="{height - _GAP}" '
        f'stroke="{colours["faint"]}"/>'
    )
    return "\n".join([*parts, "</svg>\n"])


def _legend(series: Sequence[str], colours: Sequence[str]) -> Iterator[str]:
    for place, (name, colour) in enumerate(zip(series, colours, strict=False)):
        x = _LABELS + place * 110
        yield f'<rect x="{x}" y="30" width="11" height="11" rx="2" fill="{colour}"/>'
        yield f'<text x="{x + 17}" y="40">{escape(name)}</text>'


def _bar(value: Spread | None, y: float, high: float, colour: str, ink: str) -> Iterator[str]:
    if value is None:
        return
    length, least, most = (each / high * _SPAN for each in (value.median, value.low, value.high))
    middle = y + _BAR / 2
    yield (
        f'<rect x="{_LABELS}" y="{y + 1:.1f}" width="{length:.1f}" height="{_BAR - 2}" rx="2" '
        f'fill="{colour}"/>'
    )
    yield (
        f'<line x1="{_LABELS + least:.1f}" x2="{_LABELS + most:.1f}" y1="{middle:.1f}" '
        f'y2="{middle:.1f}" stroke="{ink}" stroke-width="1.5"/>'
    )
    digits = 2 if value.median < 10 else 0 if value.median >= 1000 else 1  # noqa: PLR2004
    yield (
        f'<text x="{_LABELS + most + 6:.1f}" y="{middle + 4:.1f}" font-size="11">'
        f"{value.median:.{digits}f}</text>"
    )


def write(
    folder: Path,
    name: str,
    title: str,
    series: Sequence[str],
    rows: Mapping[str, Sequence[Spread | None]],
) -> None:
    """Put a chart in a folder, once for each theme."""
    folder.mkdir(parents=True, exist_ok=True)
    for theme in THEMES:
        (folder / f"{name}-{theme}.svg").write_text(bars(title, series, rows, theme))


def picture(folder: str, name: str, title: str) -> str:
    """The element that shows a chart on a page, in the theme of its reader."""
    return (
        f'<picture><source media="(prefers-color-scheme: dark)" srcset="{folder}/{name}-dark.svg">'
        f'<img src="{folder}/{name}-light.svg" alt="{escape(title)}"></picture>'
    )
