"""How ``wellhead top`` shows the figures of a page."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from wellhead.cli.colour import COLOURS
from wellhead.cli.page_figures import DatabaseFigures, PageFigures, PoolFigures

_MILLI, _MICRO = 1e-3, 1e-6


def screen(url: str, figures: PageFigures, *, away: str = "", may_cut: bool = True) -> Group:
    """The figures, for a terminal or for text.

    Args:
        url: Where they are from.
        figures: What was read last.
        away: Why there is nothing newer; empty if these are the newest.
        may_cut: Whether a long cell ends with an ellipsis; otherwise it takes more lines.
    """
    return Group(*_head(url, figures, away), *_databases(figures, may_cut=may_cut))


def duration(seconds: float | None) -> str:
    """A duration with three digits and its unit; a dash if it is not known."""
    if seconds is None:
        return "-"
    if seconds >= 1:
        return f"{seconds:.1f} s"
    value, unit = (seconds / _MILLI, "ms") if seconds >= _MILLI else (seconds / _MICRO, "us")
    return f"{value:.{0 if value >= 10 else 1}f} {unit}"  # noqa: PLR2004 - two digits suffice


def plain(text: str) -> str:
    """A text of the service without what would command the terminal."""
    return "".join(each if each.isprintable() else " " for each in text)


def _head(url: str, figures: PageFigures, away: str) -> Iterator[RenderableType]:
    seen = figures.processes
    line = _line(f"{url}  {plain(figures.at)}  ")
    line.append(
        f"{seen.answered} of {seen.expected} processes",
        style="" if seen.answered == seen.expected else COLOURS["warning"],
    )
    line.append(f" ({plain(seen.how)})")
    yield line
    if away:
        yield Text(f"{away} Trying again; Ctrl-C ends.", style=COLOURS["failure"])


def _line(text: str, style: str = "") -> Text:
    return Text(text, style=style, no_wrap=True, overflow="ignore")


def _databases(figures: PageFigures, *, may_cut: bool) -> Iterator[RenderableType]:
    for database in figures.databases:
        yield Text()
        yield _state(database)
        yield _counts(database)
        if database.holders:
            yield Text()
            yield _holders(database, may_cut=may_cut)
        if database.statements:
            yield Text()
            yield _statements(database, may_cut=may_cut)


def _state(database: DatabaseFigures) -> Text:
    ready, migrations = database.readiness, database.migrations
    line = _line("").append(plain(database.name), style="bold")
    line.append(
        f"  {'ready' if ready.is_ready else 'not ready'}",
        style=COLOURS["ok" if ready.is_ready else "failure"],
    )
    detail = f": {plain(ready.detail)}" if ready.detail not in {None, ready.state} else ""
    age = "" if ready.age is None else f", {duration(ready.age)} ago"
    line.append(f"  {plain(ready.state)}{detail}{age}")
    if migrations is None:
        line.append("  schema not looked at")
    elif migrations.is_current:
        line.append(f"  schema at {_revisions(migrations.current)}")
    else:
        line.append(
            f"  schema at {_revisions(migrations.current)}, program at "
            f"{_revisions(migrations.head)}",
            style=COLOURS["warning"],
        )
    return line


def _counts(database: DatabaseFigures) -> Table:
    pool = database.pool
    table = Table.grid(padding=(0, 3))
    table.add_row("connections", _connections(pool))
    table.add_row("acquired", _acquired(pool))
    for name, found in (("wait", database.wait), ("hold", database.hold)):
        table.add_row(name, Text(f"p50 {duration(found.p50)}  p99 {duration(found.p99)}"))
    table.add_row("errors", _errors(database))
    return table


def _connections(pool: PoolFigures) -> Text:
    line = Text(f"{pool.active} active  {pool.idle} idle  {pool.opening} opening  ")
    line.append(f"{pool.waiting} waiting", style=COLOURS["warning"] if pool.waiting else "")
    return line.append("  no limit" if pool.limit is None else f"  limit {pool.limit}")


def _acquired(pool: PoolFigures) -> Text:
    line = Text(f"{pool.acquired}  ")
    line.append(f"{pool.timeouts} timed out", style=COLOURS["failure"] if pool.timeouts else "")
    line.append("  ")
    return line.append(
        f"{pool.saturated} refused", style=COLOURS["failure"] if pool.saturated else ""
    )


def _errors(database: DatabaseFigures) -> Text:
    told = "  ".join(f"{count} {plain(fault)}" for fault, count in database.errors.items())
    line = Text().append(told or "none", style=COLOURS["warning"] if told else "")
    line.append(f"  {database.retries} retries  ")
    return line.append(
        f"{database.unknown_outcomes} unknown outcomes",
        style=COLOURS["failure"] if database.unknown_outcomes else "",
    )


def _holders(database: DatabaseFigures, *, may_cut: bool) -> Table:
    table = _table("HELD FOR", "PROCESS", "BY", "AT", may_cut=may_cut)
    for each in database.holders:
        what, line = (Text(plain(text or "-")) for text in (each.what, each.line))
        table.add_row(duration(each.seconds), str(each.process), what, line)
    return table


def _statements(database: DatabaseFigures, *, may_cut: bool) -> Table:
    table = _table("IN ALL", "COUNT", "MEAN", "SLOWEST", "STATEMENT", may_cut=may_cut)
    for each in database.statements:
        times = duration(each.seconds), str(each.count), duration(each.mean), duration(each.slowest)
        table.add_row(*times, Text(plain(each.shape)))
    return table


def _table(*names: str, may_cut: bool) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", expand=may_cut)
    for name in names:
        is_text = name in {"BY", "AT", "STATEMENT"}
        table.add_column(
            name,
            justify="left" if is_text else "right",
            no_wrap=may_cut or not is_text,
            overflow="ellipsis" if may_cut else "fold",
            # What the numbers leave.
            ratio=1 if is_text and may_cut else None,
        )
    return table


def _revisions(revisions: list[str]) -> str:
    return plain(" ".join(revisions)) or "none"
