"""The accounts of the machine: whose CPU time is whose."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.speed.machine import Moment, Process, Span, pin

pytestmark = pytest.mark.skipif(not Path("/proc/stat").exists(), reason="only Linux has /proc")


def moment(clock: float, stolen: int, total: int, **seconds: float) -> Moment:
    """A moment with three processes: 10, its child 11, and 20."""
    processes = {
        10: Process(1, seconds.get("root", 0.0)),
        11: Process(10, seconds.get("child", 0.0)),
        20: Process(1, seconds.get("stranger", 0.0)),
    }
    return Moment(clock, stolen, total, processes)


def test_a_process_has_the_time_of_its_children() -> None:
    span = Span(moment(0, 0, 0, root=1, child=1), moment(1, 0, 100, root=1.25, child=2))

    assert span.cpu([10]) == 1.25


def test_the_time_of_all_others_is_a_share_of_the_machine() -> None:
    span = Span(moment(0, 0, 0), moment(2, 0, 100, root=1, stranger=0.5))

    assert span.others([10]) == pytest.approx(0.5 / (2 * (os.cpu_count() or 1)))


def test_steal_is_a_share_of_all_jiffies() -> None:
    assert Span(moment(0, 10, 1000), moment(1, 14, 1200)).steal == 0.02


def test_a_process_that_was_not_there_before_counts_whole() -> None:
    before = Moment(0, 0, 0, {})

    assert Span(before, moment(1, 0, 100, root=1, child=2)).cpu([10]) == 3


def test_this_process_and_a_child_are_found() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        now = Moment.now()
        assert child.pid in now.tree([os.getpid()])
        child.communicate(b"\n")

    assert now.processes[os.getpid()].seconds > 0


def test_threads_that_have_ended_count() -> None:
    program = (
        "import threading, time\n"
        "def work():\n"
        "    while time.thread_time() < 0.2: pass\n"
        "thread = threading.Thread(target=work); thread.start(); thread.join()\n"
        "print('done', flush=True); input()\n"
    )
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        used = Moment.now().processes[child.pid].seconds
        child.communicate(b"\n")

    assert used >= 0.2


def test_a_process_is_kept_on_a_core() -> None:
    core = {min(os.sched_getaffinity(0))}
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        pin([child.pid], core)
        kept = os.sched_getaffinity(child.pid)
        child.communicate(b"\n")

    assert kept == core
