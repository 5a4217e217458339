"""Where what was measured is put: between the marks of a page."""

from pathlib import Path


def write(text: str, page: Path, *, name: str) -> None:
    """Put a section between the marks of its name on the page.

    Raises:
        ValueError: The page has no such marks.
    """
    begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    before, opening, rest = page.read_text().partition(begin)
    _, closing, after = rest.partition(end)
    if not (opening and closing):
        raise ValueError(f"{page} has no place for {name}: it needs {begin.strip()} and {end}.")
    page.write_text(f"{before}{begin}\n{text}\n\n{end}{after}")
