"""Disturbs a Python process at a moment of its work; for processes that `tests/torture.py` starts.

Python imports this module by its name at start-up, in worker processes too, where its folder is on PYTHONPATH. The
environment says what it does; without these variables it does nothing.

TORTURE_MOMENT: a JSON object. SIGKILL comes before the `nth` call of `call` for a file that matches `path`:
    replace, unlink: of `pathlib.Path`.
    rmtree: of `shutil`; some of the folder's files are deleted first.
    fsync: the file is cut in the middle of its last line, as a kill while it is written would leave it.
    synced: after `fsync`.
    `whom`: self, parent or group (all processes of the run).
TORTURE_MARK: a file made just before, so that it happens once, whatever processes come after.
TORTURE_CLOCK: any value. `time.time` leaps to and fro by years, `time.monotonic` forward by hours.
"""

import fnmatch
import functools
import json
import os
import pathlib
import random
import shutil
import signal
import time


class Moment:
    """Waits for one call of one function and kills."""

    def __init__(self, call: str, path: str, nth: int = 1, whom: str = "self"):
        self.call, self.path, self.left, self.whom = call, path, nth, whom
        self.mark = os.environ["TORTURE_MARK"]

    def comes(self, path) -> bool:
        """Whether this is the call; the first process that asks is told so, no other one."""
        if not fnmatch.fnmatch(str(path), self.path):
            return False
        self.left -= 1
        if self.left:
            return False
        try:
            os.close(os.open(self.mark, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return False
        return True

    def kill(self) -> None:
        if self.whom == "group":
            os.killpg(os.getpgrp(), signal.SIGKILL)
        leader = os.getpgrp()  # the run's first process
        os.kill(leader if self.whom == "parent" else os.getpid(), signal.SIGKILL)

    def before(self, function):
        """The function, with the kill before it."""

        @functools.wraps(function)
        def watched(path, *arguments, **options):
            if self.comes(path):
                if self.call == "rmtree":
                    for file in sorted(pathlib.Path(path).iterdir())[::2]:
                        os.unlink(file)  # noqa: PTH108  (Path.unlink may be watched)
                self.kill()
            return function(path, *arguments, **options)

        return watched

    def around_fsync(self, fsync):
        """`os.fsync`, with the kill before or after it."""

        def watched(file):
            path = pathlib.Path(os.readlink(f"/proc/self/fd/{file}"))  # noqa: PTH115
            if self.call == "synced":
                fsync(file)
            if self.comes(path):
                if self.call == "fsync":
                    text = path.read_bytes()
                    os.ftruncate(file, len(text) - len(text.splitlines()[-1]) // 2)
                self.kill()
            return None if self.call == "synced" else fsync(file)

        return watched


def install(moment: Moment) -> None:
    if moment.call in ("replace", "unlink"):
        setattr(pathlib.Path, moment.call, moment.before(getattr(pathlib.Path, moment.call)))
    elif moment.call == "rmtree":
        shutil.rmtree = moment.before(shutil.rmtree)
    else:
        os.fsync = moment.around_fsync(os.fsync)


def leap() -> None:
    """Makes both clocks leap, every so many calls."""
    now, monotonic, rng, ahead = time.time, time.monotonic, random.Random(os.getpid()), 0.0

    def leaping_time() -> float:
        return now() + rng.choice((0, -3e8, 3e8, -3600, 3600))

    def leaping_monotonic() -> float:
        nonlocal ahead
        ahead += 3600 * (rng.random() < 0.02)
        return monotonic() + ahead

    time.time, time.monotonic = leaping_time, leaping_monotonic


if "TORTURE_MOMENT" in os.environ:
    install(Moment(**json.loads(os.environ["TORTURE_MOMENT"])))
if "TORTURE_CLOCK" in os.environ:
    leap()
