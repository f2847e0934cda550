"""How long work tells what it has done; only the command line turns this into output."""

from collections.abc import Callable

Report = Callable[[str, int, int], None]
"""Called with a task's description, the units done and the units in all."""


def silent(task: str, done: int, total: int) -> None:
    """Report nothing."""
