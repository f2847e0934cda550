import contextlib
import itertools
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tfsergan import processes
from tfsergan.errors import TfserganError
from tfsergan.processes import map_processes


@pytest.mark.parametrize("jobs", [1, 2])
def test_results_come_in_order_and_are_counted(jobs):
    told = []
    results = map_processes(abs, range(-50, 0), jobs=jobs, report=lambda *call: told.append(call), task="abs")
    assert list(results) == list(range(50, 0, -1))
    assert told == [("abs", done, 50) for done in range(51)]


def test_nothing_to_do():
    assert list(map_processes(abs, [], task="none")) == []


def test_few_items_are_handed_out_before_results_are_taken():
    class Items(list):
        taken = 0

        def __getitem__(self, which):
            self.taken = max(self.taken, which.stop)
            return super().__getitem__(which)

    items = Items(range(100_000))
    first = list(itertools.islice(map_processes(abs, items, jobs=1, task="many"), 10))
    assert first == list(range(10))
    assert items.taken <= 10 + processes.CHUNK * (processes.AHEAD + 2)


def test_a_process_that_dies_is_explained_and_replaced():
    with pytest.raises(TfserganError, match=r"process of 'fatal' died.*close other programs"):
        list(map_processes(os._exit, [3], jobs=1, task="fatal"))
    assert list(map_processes(abs, [-1, 2], jobs=1, task="next")) == [1, 2]


KILLED = """
import os, signal
from tfsergan.processes import map_processes
class Large:
    def __call__(self, item):
        return os.getpid(), bytes(1 << 20)
results = map_processes(Large(), range(1000), jobs=1, task="large")
print(next(results)[0], flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_a_worker_ends_with_a_parent_that_is_killed():
    parent = subprocess.Popen([sys.executable, "-c", KILLED], stdout=subprocess.PIPE, text=True)
    worker = int(parent.stdout.readline())
    parent.stdout.close()
    parent.wait()
    for _ in range(600):
        if not lives(worker):
            return
        time.sleep(0.1)
    pytest.fail("the worker lives on")


def lives(process: int) -> bool:
    """Whether a process runs; one that has ended may wait for long until the system's first process reaps it."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    with contextlib.suppress(OSError):  # gone meanwhile, or a system without /proc
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return True
