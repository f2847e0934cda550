"""Contestants side by side, asked in turn: what the benchmarks share of processes, rounds, tables and records.

A contestant is a process of its own (`measure`) or a command (`measure_commands`). A process builds its model where it
runs: `build(setup)` gives one iteration to call, and what to answer when asked for its weights. So thread pools don't
fight, and all of them meet the same weather on a busy machine. One that fails is told as such, the others go on.
"""

import argparse
import json
import multiprocessing
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

OURS = "tfsergan"
WARM_UP = 2  # iterations: the first one traces and compiles
PACKAGES = ("tensorflow", "keras", "torch", "numpy", "scikit-learn")

Build = Callable[[object], tuple[Callable, Callable]]
Figures = dict[str, dict[str, object]]
"""By contestant: what was measured in each round, or why it `failed`."""


class Failed(Exception):
    """A contestant could not do what it was asked."""


# --- A contestant's process ----------------------------------------------------------------------------------


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
        pipe.send(Failed(f"{type(error).__name__}: {lines[0]}"))


def time_iterations(step: Callable, iterations: int) -> tuple[float, float]:
    """Seconds an iteration on the clock, and of processor time summed over threads."""
    clock, processor = time.perf_counter(), time.process_time()
    for _ in range(iterations):
        step()
    clock, processor = time.perf_counter() - clock, time.process_time() - processor
    number = max(1, iterations)  # none of them warms up what needs no warming
    return clock / number, processor / number


def peak_memory() -> float:
    """The most memory that this process ever held, in MiB."""
    import resource

    return mebibytes(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def mebibytes(maxrss: int) -> float:
    """MiB of what `getrusage` calls `ru_maxrss`: bytes on macOS, KiB elsewhere."""
    return maxrss * (1 if platform.system() == "Darwin" else 1024) / 2**20


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
            Failed: with its reason.
        """
        try:
            self.pipe.send(request)
            answer = self.pipe.recv()
        except (EOFError, BrokenPipeError, ConnectionResetError):
            raise Failed("its process was ended from outside; is memory short?") from None
        if isinstance(answer, Failed):
            hint = " (it needs a C++ compiler)" if "torch.compile" in self.name else ""
            raise Failed(f"{answer}{hint}")
        return answer

    def close(self) -> None:
        self.pipe.close()  # its process reads the end of the pipe and stops
        self.process.join(timeout=10)


# --- Rounds --------------------------------------------------------------------------------------------------


def measure(
    builds: Mapping[str, Build],
    setup: object,
    rounds: int,
    iterations: int,
    warm_up: int = WARM_UP,
    reference: str = OURS,
) -> Figures:
    """Times every contestant in turn, `rounds` times; ratios are of the reference's time and its own."""
    running, figures = {}, {}
    for name, build in builds.items():
        say(f"{name}: starting")
        running[name] = Contestant(name, build, setup)
        with out_of_the_race(name, running, figures):
            if warm_up:
                running[name].ask("time", warm_up)
    times = {name: [] for name in running}
    for _ in progress(rounds):
        for name, contestant in list(running.items()):
            with out_of_the_race(name, running, figures):
                times[name].append(contestant.ask("time", iterations))
    peaks = {}
    for name, contestant in list(running.items()):
        with out_of_the_race(name, running, figures):
            peaks[name] = contestant.ask("memory")
    for contestant in running.values():
        contestant.close()
    return judged(builds, {name: times[name] for name in running}, peaks, figures, reference)


def measure_commands(
    commands: Mapping[str, Callable[[], Sequence[str]]], rounds: int, reference: str
) -> Figures:
    """Times whole commands in turn, `rounds` times.

    Args:
        commands: by contestant, what gives the command of the next round.
        rounds: of all of them.
        reference: whose time the ratios have above.
    """
    running, figures = dict(commands), {}
    times, peaks = {name: [] for name in commands}, dict.fromkeys(commands, 0.0)
    for _ in progress(rounds):
        for name, command in list(running.items()):
            with out_of_the_race(name, running, figures):
                seconds, processor, peak = time_command(command())
                times[name].append((seconds, processor))
                peaks[name] = max(peaks[name], peak)
    return judged(commands, {name: times[name] for name in running}, peaks, figures, reference)


def time_command(command: Sequence[str]) -> tuple[float, float, float]:
    """Seconds on the clock, of processor time with its children's, and the largest of its processes in MiB.

    Raises:
        Failed: it ends with an error, with the last line that it wrote.
    """
    elsewhere = tempfile.gettempdir()  # in a checkout, Python would import it rather than what is installed
    start = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=elsewhere, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    said = process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - start
    if process.returncode:
        last = (said.strip().splitlines() or [f"exit code {process.returncode}"])[-1]
        raise Failed(f"{' '.join(command)}: {last}")
    return seconds, used.ru_utime + used.ru_stime, mebibytes(used.ru_maxrss)


@contextmanager
def out_of_the_race(name: str, running: dict, figures: Figures) -> Iterator[None]:
    """Takes a contestant that fails out of those that run, and notes why."""
    try:
        yield
    except Failed as error:
        say(f"{name}: {error}")
        del running[name]
        figures[name] = {"failed": str(error)}


def judged(names: Sequence[str], times: dict, peaks: dict, figures: Figures, reference: str) -> Figures:
    """The figures of all contestants in their order, with the ratios within each round."""
    columns = {name: [list(part) for part in zip(*rows, strict=True)] for name, rows in times.items()}
    for name, (clock, processor) in columns.items():
        first = columns[reference][0] if reference in columns else []
        ratios = [base / own for base, own in zip(first, clock, strict=False)]
        figures[name] = {
            "seconds": clock,
            "processor_seconds": processor,
            "ratios": ratios,
            "peak_memory_mib": peaks[name],
        }
    return {name: figures[name] for name in names}


def progress(rounds: int) -> Iterator[int]:
    """Counts rounds, telling how long the rest will take."""
    start = time.monotonic()
    for i in range(rounds):
        left = f", some {(time.monotonic() - start) / i * (rounds - i):.0f} s left" if i else ""
        say(f"round {i + 1} of {rounds}{left}")
        yield i


# --- Tables and records ----------------------------------------------------------------------------------------


def table(figures: Figures, iteration: str = "an iteration", reference: str = OURS) -> str:
    """A Markdown table, a row a contestant."""
    ratio = "ours / this" if reference == OURS else f"{reference} / this"
    lines = [
        f"| | s {iteration}, median | min-max | {ratio}, median of rounds | processor s | peak MiB |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, row in figures.items():
        if "failed" in row:
            lines.append(f"| {name} | failed: {row['failed']} | | | | |")
            continue
        seconds, digits = row["seconds"], 4 if max(row["seconds"]) < 0.1 else 3
        ratio = f"{statistics.median(row['ratios']):.2f}" if row["ratios"] else "-"
        lines.append(
            f"| {name} | {statistics.median(seconds):.{digits}f} "
            f"| {min(seconds):.{digits}f}-{max(seconds):.{digits}f} | {ratio} "
            f"| {statistics.median(row['processor_seconds']):.{digits}f} | {row['peak_memory_mib']:.0f} |"
        )
    return "\n".join(lines)


@dataclass
class Record:
    """What a benchmark measured: one JSON line a contestant and case.

    Args:
        benchmark: its name.
        lines: so far.
    """

    benchmark: str
    lines: list[dict] = field(default_factory=list)

    def add(self, case: str, figures: Figures, setup: Mapping[str, object], reference: str = OURS) -> None:
        """Takes over the figures of a case, such as one of several methods."""
        shared = {"benchmark": self.benchmark, "case": case, "reference": reference, "setup": dict(setup)}
        for name, row in figures.items():
            self.lines.append({**shared, "contestant": name, **row, "machine": machine()})

    def write(self, path: Path | None) -> None:
        """Appends the lines to a file, where there is one."""
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a", encoding="utf-8") as file:
                file.writelines(json.dumps(line) + "\n" for line in self.lines)


def machine() -> dict[str, object]:
    """What a reader needs to judge the figures."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    found = {"processor": processor(), "cores": cores(), "load": load, "python": platform.python_version()}
    return found | {name: package for name in PACKAGES if (package := installed(name))}


def installed(name: str) -> str:
    """The version of a package, "" where it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def processor() -> str:
    """The processor's name, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), "")


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


# --- A benchmark's command line ----------------------------------------------------------------------------------


def parser(about: str, rounds: int = 10, threads: bool = True) -> argparse.ArgumentParser:
    """The options that all races have; `about` is the script's docstring."""
    options = argparse.ArgumentParser(
        description=about, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    options.add_argument(
        "--rounds", type=positive, default=rounds, help="times that each is asked (default %(default)s)"
    )
    if threads:
        options.add_argument(
            "--threads", type=positive, default=cores(), help="of each process (default: all cores)"
        )
    options.add_argument("--json", type=Path, metavar="FILE", help="append a line a measurement to this file")
    return options


def positive(text: str) -> int:
    """A whole number from 1 on."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 on")
    return int(text)


def prepare(*, torch: bool = True) -> None:
    """Refuses to start without PyTorch where it takes part, and quiets TensorFlow in other processes."""
    if torch and find_spec("torch") is None:
        raise SystemExit('PyTorch is not installed. Install it with: pip install ".[bench]"')
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


def run(
    builds: Mapping[str, Build],
    setup: object,
    args: argparse.Namespace,
    iterations: int,
    sizes: Mapping[str, object],
    iteration: str = "an iteration",
) -> Figures:
    """Measures, prints the table, and writes the figures where `--json` says; `setup` is a dataclass."""
    figures = measure(builds, setup, args.rounds, iterations)
    introduce(sizes)
    print(table(figures, iteration), flush=True)
    record = Record(Path(sys.argv[0]).stem)
    record.add(", ".join(f"{name} {value}" for name, value in sizes.items()), figures, asdict(setup))
    record.write(args.json)
    return figures


def introduce(sizes: Mapping[str, object]) -> None:
    """Prints what is measured, and on what."""
    for values in (sizes, machine()):
        print(", ".join(f"{name} {value}" for name, value in values.items()))
    print()
