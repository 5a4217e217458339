"""A run as the tables of a page, each by its name."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from bench.speed import expected
from bench.speed.load import PATIENCE
from bench.speed.machine import OTHERS_LIMIT, STEAL_LIMIT
from bench.speed.peer import BASE
from bench.speed.ratio import Spread
from bench.speed.result import Result
from bench.speed.setting import BASE as BASE_POINT
from bench.speed.setting import BOTH, CONNECTIONS, LINKS, ROWS, Setting

VERBS = {"read": "GET", "write": "POST"}
STUCK = "no response"
_BASE = BASE_POINT.name
_ONE_CLIENT = Setting(connections=1).name

Cell = Callable[[Result, str], str]


def tables(result: Result) -> Mapping[str, str]:
    """Every table that the run has figures for, as Markdown."""
    all_of_them = {
        "base": ([BASE_POINT], _base()),
        "link": ([Setting(connections=1, link=each) for each in LINKS], _links()),
        "concurrency": (
            [Setting(connections=each) for each in CONNECTIONS if each != BASE_POINT.connections],
            _concurrency(),
        ),
        "pooler": ([Setting(pooler=True)], _pooler()),
        "workers": ([Setting(workers=2)], _workers()),
        "rows": ([Setting(rows=each) for each in ROWS[1:]], _rows()),
    }
    played = {slot.setting for slot in result.slots}
    return {
        "expected": expected.table(expected.expectations(result)),
        **{
            name: table(result, columns)
            for name, (settings, columns) in all_of_them.items()
            if played.intersection(setting.name for setting in settings)
        },
        "conditions": "\n".join(f"- {line}" for line in conditions(result)),
    }


def table(result: Result, columns: Mapping[str, Cell]) -> str:
    """A row for each peer; columns for which no peer has a figure are left out."""
    cells = {head: [cell(result, peer) for peer in result.peers] for head, cell in columns.items()}
    filled = {head: column for head, column in cells.items() if any(column)}
    lines = ["| | " + " | ".join(filled) + " |", "|---" * (len(filled) + 1) + "|"]
    for title, *row in zip(result.peers.values(), *filled.values(), strict=True):
        lines.append(f"| {title} | " + " | ".join(each or "-" for each in row) + " |")
    return "\n".join(lines)


def figure(setting: str, operation: str, metric: str, form: str) -> Cell:
    """The median of a metric."""

    def cell(result: Result, peer: str) -> str:
        if result.is_stuck(setting, operation, peer):
            return STUCK
        found = result.spread(setting, operation, peer, metric)
        return form.format(found.median) if found else ""

    return cell


def compared(setting: str, operation: str, metric: str) -> Cell:
    """A metric by that of FastAPI + asyncpg, with its spread."""

    def cell(result: Result, peer: str) -> str:
        if result.is_stuck(setting, operation, peer):
            return STUCK
        found = result.ratio(setting, operation, peer, metric)
        return ("1" if peer == BASE else str(found)) if found else ""

    return cell


def _round_trips(result: Result, peer: str) -> str:
    counted = result.round_trips.get(peer)
    return " / ".join(f"{counted[each]:g}" for each in BOTH) if counted else ""


def _times(setting: str, operation: str) -> Cell:
    """Requests a second, and the times of a request."""

    def cell(result: Result, peer: str) -> str:
        if result.is_stuck(setting, operation, peer):
            return STUCK
        found = [result.spread(setting, operation, peer, each) for each in ("rate", "p50", "p99")]
        if None in found:
            return ""
        rate, p50, p99 = (each.median for each in found if each)
        return f"{rate:.0f}/s, {p50:.1f} / {p99:.1f}"

    return cell


def _base() -> Mapping[str, Cell]:
    return {
        "round trips, GET / POST": _round_trips,
        "GET, CPU ms": figure(_BASE, "read", "cpu", "{:.2f}"),
        "POST, CPU ms": figure(_BASE, "write", "cpu", "{:.2f}"),
        "GET/s": figure(_BASE, "read", "rate", "{:.0f}"),
        "POST/s": figure(_BASE, "write", "rate", "{:.0f}"),
        "GET/s, ratio": compared(_BASE, "read", "rate"),
        "POST/s, ratio": compared(_BASE, "write", "rate"),
    }


def _links() -> Mapping[str, Cell]:
    return {
        f"{VERBS[operation]}, {link} ms": figure(
            Setting(connections=1, link=link).name if link else _ONE_CLIENT,
            operation,
            "p50",
            "{:.1f}",
        )
        for operation in BOTH
        for link in (0, *LINKS)
    }


def _concurrency() -> Mapping[str, Cell]:
    return {
        f"{VERBS[operation]}, {count}": _times(Setting(connections=count).name, operation)
        for operation in BOTH
        for count in CONNECTIONS
    }


def _pooler() -> Mapping[str, Cell]:
    name = Setting(pooler=True).name
    return {
        f"{VERBS[operation]}{head}": cell
        for operation in BOTH
        for head, cell in (
            (", CPU ms", figure(name, operation, "cpu", "{:.2f}")),
            ("/s, ratio", compared(name, operation, "rate")),
            (", errors", _errors(name, operation)),
        )
    }


def _errors(setting: str, operation: str) -> Cell:
    def cell(result: Result, peer: str) -> str:
        slots = result.slots_of(setting, operation, peer)
        return str(sum(slot.errors for slot in slots)) if slots else ""

    return cell


def _workers() -> Mapping[str, Cell]:
    return {
        f"{VERBS[operation]}, {count}": figure(
            Setting(workers=count).name, operation, "cpu", "{:.2f}"
        )
        for operation in BOTH
        for count in (1, 2)
    }


def _rows() -> Mapping[str, Cell]:
    return {
        f"{rows:,} rows": figure(Setting(rows=rows).name, "read", "p50", "{:.1f}") for rows in ROWS
    }


def conditions(result: Result) -> Iterator[str]:
    """Where and how it was measured, and what did not go as it should; a sentence each."""
    held = result.conditions
    versions = ", ".join(f"{name} {version}" for name, version in held["versions"].items())
    yield (
        f"Measured on {held['measured'][:10]} at commit {held['commit']}: Python "
        f"{held['python']}, PostgreSQL {held['postgres']}, {held['cores']} cores of "
        f"{held['machine']}; {versions}."
    )
    yield (
        f"{held['rounds']} rounds, a slot of {held['seconds']:g} s for each peer in each, and "
        f"{held['pool_size']} connections to the database."
    )
    dirty = [slot for slot in result.slots if not slot.is_clean]
    stolen = sum(slot.steal > STEAL_LIMIT for slot in dirty)
    yield (
        f"{len(dirty)} of {len(result.slots)} slots "
        f"{'are dirty and counted all the same' if held['quick'] else 'were dropped'}: {stolen} "
        f"for steal above {STEAL_LIMIT:.0%}, the others for other processes above "
        f"{OTHERS_LIMIT:.0%} of the machine."
    )
    if gaps := Counter(gap.partition(", ")[2] for gap in result.gaps):
        told = ", ".join(f"{count} with {where}" for where, count in gaps.items())
        yield f"Cells that are empty for lack of clean rounds: {told}."
    yield from _busy(result)
    yield from _failures(result)
    if result.links:
        told = ", ".join(f"{link} ms: {took:.1f}" for link, took in result.links.items())
        yield f"`SELECT 1` took on each link, in ms: {told}."
    for title, reason in result.left_out.items():
        yield f"Left out: {title}; {reason}."


def _busy(result: Result) -> Iterator[str]:
    shares: list[tuple[float, float, str]] = []
    for peer, title in result.peers.items():
        server, load = (
            result.spread(_BASE, "read", peer, each) for each in ("server_busy", "load_busy")
        )
        if server and load:
            shares.append((server.median, load.median, title))
    if shares:
        least, _, whose = min(shares)
        yield (
            f"The server's core was {least:.0%} busy or more with reads at the base point "
            f"(least: {whose}), and the load took {max(each[1] for each in shares):.0%} of its "
            "core at the most."
        )


def _failures(result: Result) -> Iterator[str]:
    for told, field in (
        ("Responses that were errors", "errors"),
        (f"Requests without a response within {PATIENCE:g} s", "unanswered"),
    ):
        met: Counter[str] = Counter()
        for slot in result.slots:
            title = result.peers.get(slot.peer, slot.peer)
            met[f"{title}, {slot.setting}"] += getattr(slot, field)
        for where, count in (+met).items():
            yield f"{told}: {where}: {count}."


def spreads(
    result: Result, setting: str, metric: str, operations: Sequence[str] = BOTH
) -> dict[str, list[Spread | None]]:
    """A metric for each peer by operation, for a plot."""
    return {
        title: [result.spread(setting, each, peer, metric) for each in operations]
        for peer, title in result.peers.items()
    }


def tell(result: Result, tables: Mapping[str, str]) -> bool:
    """Print the tables of a run, and return whether it has the clean rounds to be published."""
    for name, text in tables.items():
        print(f"\n{name}\n\n{text}")
    if not result.is_fit:
        print(f"\nNot to be published, for lack of clean rounds: {'; '.join(result.gaps)}.")
    return result.is_fit
