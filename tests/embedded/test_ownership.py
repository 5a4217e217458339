"""One server for a directory: shared by its owners, and gone when the last of them is."""

import os
import signal
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.staging.embedded import (
    Owner,
    ask,
    count_in_log,
    postmaster,
    wait_until_gone,
    watcher,
)
from wellhead.embedded import EmbeddedPostgres

pytestmark = pytest.mark.slow


def test_a_second_object_shares_the_server(
    server: EmbeddedPostgres, other_server: EmbeddedPostgres, used_directory: Path
) -> None:
    with other_server:
        assert other_server.url == server.url
        server.stop()
        assert ask(other_server.url, "SELECT 1") == 1
    assert postmaster(used_directory) is None


def test_processes_that_start_together_share_one_server(directory: Path) -> None:
    with ExitStack() as stack:
        owners = [stack.enter_context(Owner(directory)) for _ in range(4)]
        urls = {owner.read_url() for owner in owners}
        assert len(urls) == 1
        assert count_in_log(directory, "starting PostgreSQL") == 1
        for owner in owners[1:]:
            owner.finish()
        assert ask(urls.pop(), "SELECT 1") == 1
        owners[0].finish()
    assert postmaster(directory) is None


def test_the_server_stops_in_order_when_its_owner_is_killed(used_directory: Path) -> None:
    before = count_in_log(used_directory, "database system is shut down")
    with Owner(used_directory) as owner:
        owner.read_url()
        owner.kill()
        wait_until_gone(used_directory)
    assert count_in_log(used_directory, "database system is shut down") == before + 1


def test_the_server_stays_when_one_of_two_owners_is_killed(
    server: EmbeddedPostgres, used_directory: Path
) -> None:
    before = count_in_log(used_directory, "starting PostgreSQL")
    with Owner(used_directory) as owner:
        owner.read_url()
        owner.kill()
    assert ask(server.url, "SELECT 1") == 1
    assert count_in_log(used_directory, "starting PostgreSQL") == before


def test_a_server_survives_the_ctrl_c_that_its_owner_survives(used_directory: Path) -> None:
    ignore = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"
    with Owner(used_directory, after_start=ignore) as owner:
        url = owner.read_url()
        pid = postmaster(used_directory)
        os.killpg(owner.pid, signal.SIGINT)
        assert ask(url, "SELECT 1") == 1
        assert postmaster(used_directory) == pid
        owner.finish()


def test_a_forked_child_does_not_keep_the_server(used_directory: Path) -> None:
    fork = "import os, time; child = os.fork(); child or time.sleep(3600); server_child = child"
    tell = "print(server_child, flush=True)"
    with Owner(used_directory, after_start=f"{fork}\n{tell}") as owner:
        child = int(owner.read_url())
        try:
            owner.kill()
            wait_until_gone(used_directory)
            os.kill(child, 0)
        finally:
            os.kill(child, signal.SIGKILL)


def test_a_forked_child_does_not_stop_the_server_of_its_parent(used_directory: Path) -> None:
    fork = "import os\nif not os.fork(): server.stop(); os._exit(0)\nos.wait()"
    with Owner(used_directory, after_start=fork) as owner:
        assert ask(owner.read_url(), "SELECT 1") == 1
        owner.finish()


def test_a_new_owner_replaces_a_watcher_that_was_killed(directory: Path) -> None:
    with Owner(directory) as first:
        first.read_url()
        os.kill(watcher(directory), signal.SIGKILL)
        with Owner(directory) as second:
            second.read_url()
            first.kill()
            second.kill()
            wait_until_gone(directory)
