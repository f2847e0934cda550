"""How long work tells what it has done; only the command line turns this into output."""

from collections.abc import Callable

Report = Callable[[str, int, int], None]
"""Called with a task's description, the units done and the units in all."""


def silent(task: str, done: int, total: int) -> None:
    """Report nothing."""


def duration(seconds: float) -> str:
    """Seconds as people say them: "42 s", "3 min 5 s", "2 h 10 min", "3 days 4 h"."""
    seconds = round(seconds)
    for unit, name, below, below_name in (
        (86400, "days", 3600, "h"),
        (3600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if seconds >= unit:
            rest = seconds % unit // below
            return f"{seconds // unit} {name}" + (f" {rest} {below_name}" if rest else "")
    return f"{seconds} s"
