"""A run of the Todo API's benchmark as the tables of a page, each by its name."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from bench.speed import expected, report
from bench.speed.expected import Expectation
from bench.speed.ratio import Spread, ratio
from bench.todo_speed.contestants import BEFORE, BY_HAND, CONTESTANTS, TODO
from bench.todo_speed.result import FLAT, LINK, LOGINS, MAIN, REST, TodoResult, sized
from bench.todo_speed.routes import BASE, HEALTH, LOGIN, OTHERS, ROUTES, Route

_BY_HAND = {"one": 0.6, "list": 0.6, "create": 0.6, "complete": 0.5}
_BEFORE = {"one": 5, "list": 7, "create": 4, "complete": 4}
_HEALTH, _FLAT, _LINK = 1.6, 1.1, 1.15
_TITLES = {operation: ROUTES[operation].title for operation in MAIN.operations}


def tables(result: TodoResult) -> Mapping[str, str]:
    """Every table that the run has figures for, as Markdown."""
    played = {slot.setting for slot in result.slots}
    found = {"expected": expected.table(expectations(result))}
    if MAIN.name in played:
        found["base"] = _base(result)
    if LINK.name in played:
        found["link"] = _link(result)
    if result.calls:
        found["rest-expected"] = expected.table(rest_expectations(result))
        found["rest"] = _rest(result)
    smallest = sized(result.conditions["sizes"][0])
    if (FLAT.name, smallest) in {(slot.setting, slot.peer) for slot in result.slots}:
        found["flat"] = _flat(result)
    lines = [*report.conditions(result), *_server_busy(result), *_logins(result)]
    return found | {"conditions": "\n".join(f"- {line}" for line in lines)}


def expectations(result: TodoResult) -> Iterator[Expectation]:
    """What is to be reached, next to what was."""
    for told, peer, limits in (
        (BY_HAND.title, BY_HAND, _BY_HAND),
        (f"the {BEFORE.title}", BEFORE, _BEFORE),
    ):
        for operation, limit in limits.items():
            found = result.ratio(MAIN.name, operation, TODO.name, "rate", to=peer.name)
            yield Expectation(f"{_TITLES[operation]}, requests/s by {told}", found, limit)
    yield Expectation(
        f"{_TITLES[HEALTH]}, CPU time by a bare route of FastAPI's",
        result.ratio(MAIN.name, HEALTH, TODO.name, "cpu"),
        _HEALTH,
        is_least=False,
    )
    smallest, *_, largest = result.conditions["sizes"]
    for operation in BASE:
        yield Expectation(
            f"{_TITLES[operation]}, CPU time with {largest:,} tasks by that with {smallest:,}",
            _growth(result, operation),
            _FLAT,
            is_least=False,
        )
    rows = [counted for counted in result.rows_read.values() if counted]
    yield Expectation(
        f"rows read for any of them with {largest:,} tasks by those with {smallest:,}",
        Spread.of([max(each[str(largest)] / each[str(smallest)] for each in rows)] if rows else []),
        _FLAT,
        is_least=False,
    )
    for operation in LINK.operations:
        yield Expectation(
            f"{_TITLES[operation]}, median time at {LINK.link} ms by {BY_HAND.title}",
            result.ratio(LINK.name, operation, TODO.name, "p50"),
            _LINK,
            is_least=False,
        )


def rest_expectations(result: TodoResult) -> Iterator[Expectation]:
    """The same of the other routes."""
    for operation, route in OTHERS.items():
        yield Expectation(
            f"{route.title}, CPU time by that of {_alike(route)}",
            _by_like(result, operation, route),
            route.most,
            is_least=False,
        )
        if route.by_hand is not None:
            yield Expectation(
                f"{route.title}, CPU time by {BY_HAND.title}",
                result.ratio(REST.name, operation, TODO.name, "cpu"),
                route.by_hand,
                is_least=False,
            )


def _alike(route: Route) -> str:
    times = f"{route.times} times " if route.times > 1 else ""
    return times + ROUTES[route.like].title


def _by_like(result: TodoResult, operation: str, route: Route) -> Spread | None:
    mine, theirs = (result.slots_of(REST.name, each, TODO.name) for each in (operation, route.like))
    found = ratio(mine, theirs, "cpu")
    if found is None:
        return None
    median, low, high = (each / route.times for each in (found.median, found.low, found.high))
    return Spread(median, low, high, found.count)


def _rest(result: TodoResult) -> str:
    def calls(operation: str, peer: str) -> str:
        return str(result.calls.get(peer, {}).get(operation, ""))

    def row(operation: str, route: Route) -> Iterator[str]:
        yield f"{result.trips[operation]:g}" if operation in result.trips else ""
        for peer in (TODO.name, BY_HAND.name):
            yield calls(operation, peer)
            yield _figure(result, REST.name, operation, peer, "cpu")
        yield _alike(route) if route.like else ""
        yield _told(_by_like(result, operation, route)) if route.like else ""

    heads = ["round trips"]
    heads += [
        f"{title}, {what}"
        for title in (TODO.title, BY_HAND.title)
        for what in ("Python calls", "CPU ms")
    ]
    heads += ["compared with", "CPU time by that"]
    return _table(
        heads, {route.title: row(name, route) for name, route in {**BASE, **OTHERS}.items()}
    )


def _base(result: TodoResult) -> str:
    peers = [peer for peer in CONTESTANTS if peer.name in result.peers]
    heads = [
        *(f"{peer.title}, CPU ms" for peer in peers),
        *(f"{peer.title}, requests/s" for peer in peers),
        "CPU time by that by hand",
    ]
    return _table(
        heads,
        {
            title: [
                *(_figure(result, MAIN.name, operation, peer.name, "cpu") for peer in peers),
                *(_figure(result, MAIN.name, operation, peer.name, "rate") for peer in peers),
                _told(result.ratio(MAIN.name, operation, TODO.name, "cpu")),
            ]
            for operation, title in _TITLES.items()
        },
    )


def _link(result: TodoResult) -> str:
    peers = (TODO, BY_HAND)
    return _table(
        [f"{peer.title}, ms" for peer in peers],
        {
            _TITLES[operation]: [
                _figure(result, LINK.name, operation, peer.name, "p50") for peer in peers
            ]
            for operation in LINK.operations
        },
    )


def _flat(result: TodoResult) -> str:
    sizes = result.conditions["sizes"]
    return _table(
        [
            *(f"{size:,} tasks, CPU ms" for size in sizes),
            *(f"{size:,} tasks, rows read" for size in sizes),
        ],
        {
            _TITLES[operation]: [
                *(_figure(result, FLAT.name, operation, sized(size), "cpu") for size in sizes),
                *(str(result.rows_read.get(operation, {}).get(str(size), "")) for size in sizes),
            ]
            for operation in BASE
        },
    )


def _growth(result: TodoResult, operation: str) -> Spread | None:
    smallest, *_, largest = map(sized, result.conditions["sizes"])
    return result.ratio(FLAT.name, operation, largest, "cpu", to=smallest)


def _figure(result: TodoResult, setting: str, operation: str, peer: str, metric: str) -> str:
    if result.is_stuck(setting, operation, peer):
        return report.STUCK
    found = result.spread(setting, operation, peer, metric)
    return format(found.median, ".0f" if metric == "rate" else ".2f") if found else ""


def _told(found: Spread | None) -> str:
    return str(found) if found else ""


def _table(heads: Sequence[str], rows: Mapping[str, Iterable[str]]) -> str:
    lines = ["| | " + " | ".join(heads) + " |", "|---" * (len(heads) + 1) + "|"]
    for title, cells in rows.items():
        lines.append(f"| {title} | " + " | ".join(each or "-" for each in cells) + " |")
    return "\n".join(lines)


def _server_busy(result: TodoResult) -> Iterator[str]:
    shares = [
        (found.median, title, route)
        for peer, title in result.peers.items()
        for operation, route in _TITLES.items()
        if (found := result.spread(MAIN.name, operation, peer, "server_busy"))
    ]
    if shares:
        least, title, route = min(shares)
        yield (
            f"The server's core was {least:.0%} busy or more with 32 clients (least: {title}, "
            f"{route}); where it is not busy, the database or the load is what takes the time."
        )


def _logins(result: TodoResult) -> Iterator[str]:
    found = result.spread(LOGINS.name, LOGIN, TODO.name, "rate")
    if found:
        yield f"Logins a second with Argon2 as the settings come: {found}."
