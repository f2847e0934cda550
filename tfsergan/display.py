"""Progress for people: live bars with the time to go on a terminal, a sober log elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tfsergan.progress import Report, duration, silent

LOG_EVERY = 15.0  # s between two lines about one task


@contextmanager
def shown(quiet: bool = False) -> Iterator[Report]:
    """A report that shows what it is told on standard error."""
    if quiet:
        yield silent
    elif sys.stderr.isatty():
        with live_bars() as report:
            yield report
    else:
        yield Log()


@contextmanager
def live_bars() -> Iterator[Report]:
    """One bar a task, with elapsed time and time to go; finished tasks become a line."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TaskID,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    columns = (TextColumn("{task.description:<44.44}"), BarColumn(24), MofNCompleteColumn())
    progress = Progress(
        *columns, TimeElapsedColumn(), "left", TimeRemainingColumn(), console=console, transient=True
    )
    bars: dict[str, TaskID] = {}
    began: dict[str, float] = {}

    def report(task: str, done: int, total: int) -> None:
        if task not in bars:
            bars[task] = progress.add_task(task, total=total, completed=done)
            began[task] = time.monotonic()
        progress.update(bars[task], completed=done, total=total)
        if done >= total:
            progress.remove_task(bars.pop(task))
            if (seconds := time.monotonic() - began.pop(task)) > 1:
                console.print(f"[green]done[/] {task} ({duration(seconds)})", highlight=False)

    with progress:
        yield report


class Log:
    """Lines on standard error: a task's start, its progress every so often, its end."""

    def __init__(self) -> None:
        self.began: dict[str, tuple[float, int]] = {}
        self.printed: dict[str, float] = {}

    def __call__(self, task: str, done: int, total: int) -> None:
        now = time.monotonic()
        start, first = self.began.setdefault(task, (now, done))
        if done >= total:
            self.began.pop(task)
            self.printed.pop(task, None)
            if now - start > 1:
                self.line(f"{task}: done in {duration(now - start)}")
        elif now - self.printed.get(task, start) >= LOG_EVERY:
            self.printed[task] = now
            left = (now - start) / max(done - first, 1) * (total - done)
            self.line(f"{task}: {done}/{total}, {duration(left)} left")

    @staticmethod
    def line(text: str) -> None:
        print(time.strftime("%H:%M:%S"), text, file=sys.stderr, flush=True)
