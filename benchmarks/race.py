"""Contestants side by side: each in a process of its own, asked for a few iterations in turn.

A contestant is built where it runs: `build(setup)` gives one iteration to call, and what to answer when asked for
its weights. So thread pools don't fight, and all of them meet the same weather on a busy machine.
"""

import argparse
import json
import multiprocessing
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

OURS = "tfsergan"
WARM_UP = 2  # iterations: the first one traces and compiles

Build = Callable[[object], tuple[Callable, Callable]]


def serve(build: Build, setup: object, pipe) -> None:
    """A contestant's process: builds its model, then answers requests until the parent ends it."""
    try:
        step, weights = build(setup)
        answers = {
            "time": lambda iterations: time_iterations(step, iterations),
            "weights": weights,
            "memory": peak_memory,
        }
        while True:
            what, *arguments = pipe.recv()
            pipe.send(answers[what](*arguments))
    except EOFError:  # the parent is gone
        pass
    except Exception as error:
        lines = str(error).strip().splitlines() or [""]
        pipe.send(RuntimeError(f"{type(error).__name__}: {lines[0]}"))


def time_iterations(step: Callable, iterations: int) -> tuple[float, float]:
    """Seconds an iteration on the clock, and of processor time summed over threads."""
    clock, processor = time.perf_counter(), time.process_time()
    for _ in range(iterations):
        step()
    clock, processor = time.perf_counter() - clock, time.process_time() - processor
    return clock / iterations, processor / iterations


def peak_memory() -> float:
    """The most memory that this process ever held, in MiB."""
    import resource

    unit = 1 if platform.system() == "Darwin" else 1024  # bytes there, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


class Contestant:
    """The parent's end of a contestant's process."""

    def __init__(self, name: str, build: Build, setup: object):
        context = multiprocessing.get_context("spawn")
        self.name = name
        self.pipe, other = context.Pipe()
        self.process = context.Process(target=serve, args=(build, setup, other), daemon=True)
        self.process.start()
        other.close()

    def ask(self, *request):
        """What its process answers.

        Raises:
            SystemExit: it failed, with its reason.
        """
        try:
            self.pipe.send(request)
            answer = self.pipe.recv()
        except (EOFError, BrokenPipeError, ConnectionResetError):
            raise SystemExit(f"{self.name}: its process was ended from outside; is memory short?") from None
        if isinstance(answer, RuntimeError):
            hint = " (it needs a C++ compiler)" if self.name == "torch.compile" else ""
            raise SystemExit(f"{self.name}{hint}: {answer}")
        return answer

    def close(self) -> None:
        self.pipe.close()  # its process reads the end of the pipe and stops
        self.process.join(timeout=10)


def measure(builds: Mapping[str, Build], setup: object, rounds: int, iterations: int) -> dict:
    """Times every contestant in turn, `rounds` times; all figures, each contestant's by its name."""
    contestants = []
    for name, build in builds.items():
        say(f"{name}: starting")
        contestants.append(Contestant(name, build, setup))
        contestants[-1].ask("time", WARM_UP)
    times = {name: [] for name in builds}
    for i in range(rounds):
        say(f"round {i + 1} of {rounds}")
        for contestant in contestants:
            times[contestant.name].append(contestant.ask("time", iterations))
    figures = {}
    for contestant in contestants:
        clock, processor = (list(column) for column in zip(*times[contestant.name], strict=True))
        ratios = [ours[0] / theirs for ours, theirs in zip(times[OURS], clock, strict=True)]
        figures[contestant.name] = {
            "seconds": clock,
            "processor_seconds": processor,
            "ratios": ratios,
            "peak_memory_mib": contestant.ask("memory"),
        }
        contestant.close()
    return figures


def table(figures: dict, iteration: str = "an iteration") -> str:
    """A Markdown table, a row a contestant."""
    lines = [
        f"| | s {iteration}, median | min-max | ours / this, median of rounds | processor s | peak MiB |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, row in figures.items():
        seconds = row["seconds"]
        lines.append(
            f"| {name} | {statistics.median(seconds):.3f} | {min(seconds):.3f}-{max(seconds):.3f} "
            f"| {statistics.median(row['ratios']):.2f} | {statistics.median(row['processor_seconds']):.3f} "
            f"| {row['peak_memory_mib']:.0f} |"
        )
    return "\n".join(lines)


def machine() -> dict:
    """What a reader needs to judge the figures."""
    packages = {name: version(name) for name in ("tensorflow", "keras", "torch", "numpy")}
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {"cores": cores(), "load": load, "python": platform.python_version(), **packages}


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def say(message: str) -> None:
    print(message, file=sys.stderr)


def parser(about: str) -> argparse.ArgumentParser:
    """The options that all races have; `about` is the script's docstring."""
    options = argparse.ArgumentParser(
        description=about, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    options.add_argument("--rounds", type=int, default=10, help="times that each is asked (default 10)")
    options.add_argument("--threads", type=int, default=cores(), help="of each process (default: all cores)")
    options.add_argument("--json", type=Path, metavar="FILE", help="write every measured figure there")
    return options


def prepare() -> None:
    """Refuses to start without PyTorch, and quiets TensorFlow in the contestants' processes."""
    if find_spec("torch") is None:
        raise SystemExit('PyTorch is not installed. Install it with: pip install ".[bench]"')
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


def run(
    builds: Mapping[str, Build],
    setup: object,
    args: argparse.Namespace,
    iterations: int,
    sizes: Mapping[str, object],
    iteration: str = "an iteration",
) -> None:
    """Measures, prints the table, and writes the figures where `--json` says; `setup` is a dataclass."""
    figures, about = measure(builds, setup, args.rounds, iterations), machine()
    print(", ".join(f"{name} {value}" for name, value in sizes.items()))
    print(", ".join(f"{name} {value}" for name, value in about.items()), end="\n\n")
    print(table(figures, iteration))
    if args.json:
        record = {"setup": asdict(setup), "machine": about, "contestants": figures}
        args.json.write_text(json.dumps(record, indent=2) + "\n")
