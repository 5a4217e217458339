"""What was counted, as the table of a page."""

from bench.todo_client.meter import Counts
from bench.todo_client.scenes import Scenes

_HEAD = """\
| | Requests | Bytes sent | received | of these, bodies | Layout shifts | Nodes touched | Rows drawn | Nodes in the page |
|---|--:|--:|--:|--:|--:|--:|--:|--:|"""  # noqa: E501 - a table has long lines


def table(scenes: Scenes) -> str:
    """The loads, and then the interactions."""
    told = {**scenes.loads, **scenes.interactions}
    return "\n".join([_HEAD, *(_row(name, counts) for name, counts in told.items())])


def _row(name: str, counts: Counts) -> str:
    cells = (
        counts.requests, counts.sent, counts.received, counts.bodies,
        counts.shifts, counts.touched, counts.rows, counts.nodes,
    )  # fmt: skip
    return f"| {name} | {' | '.join(f'{cell:,}' for cell in cells)} |"
