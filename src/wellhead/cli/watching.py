"""Shows the figures of a page once, or again and again."""

import json
import time
from contextlib import suppress

from rich.console import Console
from rich.live import Live

from wellhead.cli.page_client import PageAwayError, PageClient
from wellhead.cli.screen import screen


def print_once(client: PageClient, out: Console, *, interval: float, as_json: bool) -> None:
    """Print what happens within an interval, in seconds.

    Raises:
        PageError: The figures cannot be read.
    """
    client.read()
    # The service observes statements from the first look on.
    time.sleep(interval)
    figures = client.read()
    if as_json:
        # ASCII has nothing that would command a terminal.
        out.file.write(json.dumps(figures.model_dump(mode="json"), indent=2) + "\n")
    else:
        out.print(screen(client.address.url, figures, may_cut=False), crop=False)


def watch(client: PageClient, out: Console, *, interval: float) -> None:
    """Show the figures until Ctrl-C, with an interval in seconds; wait while the service is away.

    Raises:
        PageError: There is no service, or it does not show its figures.
    """
    with suppress(KeyboardInterrupt):
        figures, away = client.read(), ""
        with Live(console=out, screen=True, auto_refresh=False) as live:
            while True:
                live.update(screen(client.address.url, figures, away=away), refresh=True)
                time.sleep(interval)
                try:
                    figures, away = client.read(), ""
                except PageAwayError as error:
                    away = str(error)
