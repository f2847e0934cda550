"""Work in processes of its own, in order, told as it goes on."""

import functools
import os
import signal
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import TypeVar

import joblib
from joblib.externals.loky import BrokenProcessPool, ProcessPoolExecutor
from joblib.externals.loky.backend import get_context

from tfsergan.errors import TfserganError
from tfsergan.progress import Report, silent

IDLE = 60  # s after which a process without work ends
WATCH = 1  # s between two looks whether the parent lives
CHUNK = 4  # items sent to a process at a time
AHEAD = 4  # chunks a process that are handed out before their results are taken: bounds the memory

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_processes(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    jobs: int | None = None,
    report: Report = silent,
    task: str,
) -> Iterator[Result]:
    """`function` of each item, in order, computed in `jobs` processes (all cores if None).

    It is another process even for one job, because openSMILE must not share one with TensorFlow: both
    libraries export an FFT called `rdft`, of float in one and of double in the other, and the one loaded
    second calls the other's and crashes. The processes live on for a while, for the next call. Only a few
    results are computed ahead of those that are taken, whatever the number of items.

    Raises:
        TfserganError: a process died.
    """
    report(task, 0, len(items))
    workers = max(1, min(jobs or joblib.cpu_count(), len(items)))
    try:
        for done, result in enumerate(_results(function, items, workers), start=1):
            report(task, done, len(items))
            yield result
    except BrokenProcessPool as error:
        _processes.cache_clear()
        raise TfserganError(
            f"A process of '{task}' died ({str(error).splitlines()[0]}). If memory ran short, close other "
            "programs and try again."
        ) from error


def _results(function: Callable[[Item], Result], items: Sequence[Item], workers: int) -> Iterator[Result]:
    pending: deque[Future] = deque()
    try:
        for first in range(0, len(items), CHUNK):
            pending.append(_processes(workers).submit(_all, function, items[first : first + CHUNK]))
            if len(pending) > AHEAD * workers:
                yield from pending.popleft().result()
        while pending:
            yield from pending.popleft().result()
    finally:
        for future in pending:  # of a caller who stopped before the end
            future.cancel()


def _all(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    return [function(item) for item in items]


@functools.cache
def _processes(workers: int) -> ProcessPoolExecutor:
    return pool(workers)


def pool(
    workers: int,
    initializer: Callable[..., None] | None = None,
    initargs: tuple = (),
    env: Mapping[str, str] | None = None,
) -> ProcessPoolExecutor:
    """Fresh processes that end with this one.

    Args:
        workers: how many.
        initializer, initargs: called once in each.
        env: what their environment has more.
    """
    # loky replaces a process whose memory has grown, as one's that has trained a model does, and warns of it.
    warnings.filterwarnings("ignore", "A worker stopped while some jobs were given", UserWarning)
    return ProcessPoolExecutor(
        workers,
        timeout=IDLE,
        context=get_context("loky"),
        initializer=_begin,
        initargs=(os.getpid(), initializer, initargs),
        env=dict(env) if env else None,
    )


def _begin(parent: int, initializer: Callable[..., None] | None, initargs: tuple) -> None:
    _end_with_parent(parent)
    if initializer:
        initializer(*initargs)


def _end_with_parent(parent: int) -> None:
    """Ends this process soon after its parent: one whose parent was killed would wait for it for ever."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(WATCH)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()
