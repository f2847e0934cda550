"""All benchmarks in turn: one table of ratios, one JSON line a measurement in benchmarks/results/<date>.jsonl.

pip install ".[bench,demo]"
python benchmarks/run.py                       # about an hour and a quarter on two idle cores
python benchmarks/run.py --quick               # small sizes, two rounds: some ten minutes
python benchmarks/run.py --only bao2019,startup --rounds 5

A benchmark that fails is told as such, and the rest goes on.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import race

FOLDER = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Benchmark:
    """One script with its options.

    Attributes:
        script: its name.
        minutes: it takes on two idle cores, roughly.
        rounds: by default.
        options: of its command.
        quick: options instead of these, of the quick kind; None where that leaves it out.
        threads: whether it takes `--threads`.
    """

    script: str
    minutes: float
    rounds: int
    options: tuple[str, ...] = ()
    quick: tuple[str, ...] | None = ()
    threads: bool = True

    def command(self, args: argparse.Namespace, json_file: Path) -> list[str]:
        """What runs it."""
        rounds = args.rounds or (2 if args.quick else self.rounds)
        own = self.quick if args.quick else self.options
        shared = ["--rounds", str(rounds), "--json", str(json_file)]
        shared += ["--threads", str(args.threads)] if self.threads else []
        return [sys.executable, str(FOLDER / f"{self.script}.py"), *shared, *own]


SHORT_RUN = (
    *("--table", "2", "--set", "gan_iterations=40", "--set", "pretrain_iterations=40"),
    *("--set", "within.real.updates=40", "--set", "within.syn.updates=40", "--set", "within.both.updates=40"),
)
NARROW = ("--width", "256")
BFLOAT16 = ("--precision", "mixed_bfloat16")
BENCHMARKS = {
    "startup": Benchmark("startup", 1, 10, threads=False),
    "bao2019": Benchmark("cyclegan_step", 3, 10, quick=NARROW),
    "bao2019-bfloat16": Benchmark("cyclegan_step", 3, 10, BFLOAT16, (*NARROW, *BFLOAT16)),
    "su2021": Benchmark("ccemogan_step", 3, 10, quick=NARROW),
    "su2021-five": Benchmark("ccemogan_step", 8, 10, ("--repeats", "5"), None),
    "generative": Benchmark("generative_step", 9, 10, quick=(*NARROW, "--iterations", "3")),
    "yi2019": Benchmark("adan_epoch", 3, 10, quick=("--epochs", "1")),
    "li2020": Benchmark("menan_epoch", 3, 10),
    "classifiers": Benchmark(
        "classifier_grid", 8, 3, quick=("--share", "0.03", "--source", "320", "--width", "0.3")
    ),
    "quick-run": Benchmark("quick_run", 20, 3, quick=SHORT_RUN, threads=False),
    "memory": Benchmark("memory", 10, 1, ("--load",), ("--source", "2000"), threads=False),
    "memory-ten-times": Benchmark("memory", 2, 1, ("--source", "929730"), None, threads=False),
}
AIMS = {  # by benchmark and contestant
    ("bao2019", "torch.compile"): "<= 0.68",
    ("bao2019", "its matrix products alone"): "<= 1.18, 85 % of their rate",
    ("bao2019-bfloat16", "torch.compile"): "<= 0.90",
    ("classifiers", "plain Keras"): "<= 0.25 over the grid",
    ("quick-run", "2 jobs"): ">= 1.7",
    ("memory", race.OURS): "<= 1.3",
    ("memory-ten-times", race.OURS): "<= 1.3",
}


def run_one(name: str, args: argparse.Namespace, folder: Path) -> tuple[list[dict], str]:
    """A benchmark's measurements, and what went wrong if anything did; its own table goes to standard output."""
    json_file = folder / f"{name}.jsonl"
    print(f"\n## {name}\n", flush=True)
    ended = subprocess.run(BENCHMARKS[name].command(args, json_file), check=False)
    lines = json_file.read_text(encoding="utf-8").splitlines() if json_file.exists() else []
    found = [{"name": name, **json.loads(line)} for line in lines]
    return found, f"exit code {ended.returncode}" if ended.returncode else ""


def summary(measured: Sequence[dict], wrong: dict[str, str]) -> str:
    """A Markdown table of ratios, a row a measurement beside its reference."""
    lines = ["| benchmark | case | | time | ratio | aim |", "|---|---|---|---:|---|---|"]
    for row in measured:
        if row["contestant"] == row["reference"] and "ratio" not in row:
            continue
        aim = AIMS.get((row["name"], row["contestant"]), "")
        cells = [row["name"], short_case(row), row["contestant"], *figures_of(row), aim]
        lines.append(f"| {' | '.join(cells)} |")
    lines += [f"| {name} | | | | **failed: {reason}** | |" for name, reason in wrong.items()]
    return "\n".join(lines)


def short_case(row: dict) -> str:
    return row["case"] if len(row["case"]) < 50 else row["case"][:47] + "..."


def figures_of(row: dict) -> tuple[str, str]:
    """The time, and the ratio to the reference, of one measurement."""
    if "failed" in row:
        return "", f"failed: {row['failed']}"
    if "ratio" in row:
        return "", f"peak / data {row['ratio']:.2f}"
    shown = f"{statistics.median(row['seconds']):.3g} s"
    if not row["ratios"]:
        return shown, "-"
    reference = "ours" if row["reference"] == race.OURS else row["reference"]
    return shown, f"{reference} / this {statistics.median(row['ratios']):.2f}"


def write(measured: Sequence[dict], args: argparse.Namespace) -> Path:
    """Appends measurements to the file of the day."""
    path = args.results / f"{date.today().isoformat()}{'-quick' if args.quick else ''}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in measured)
    return path


def warn_of_load() -> None:
    """Says so where other work would spoil the figures."""
    load = race.machine()["load"]
    if load is not None and load > 0.3:
        race.say(
            f"warning: other processes are at work here (load {load:.1f} on {race.cores()} cores): ratios of "
            "interleaved rounds survive that in part, times do not"
        )


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--only", metavar="A,B,...", help=f"some of: {', '.join(BENCHMARKS)}")
    parser.add_argument("--rounds", type=race.positive, help="of every benchmark (default: each its own)")
    parser.add_argument("--threads", type=race.positive, default=race.cores(), help="of each process")
    parser.add_argument("--quick", action="store_true", help="small sizes, two rounds")
    parser.add_argument("--results", type=Path, default=FOLDER / "results", help="folder of the JSON lines")
    chosen = parser.parse_args()
    chosen.names = chosen.only.split(",") if chosen.only else list(BENCHMARKS)
    if unknown := [name for name in chosen.names if name not in BENCHMARKS]:
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    if chosen.quick:
        chosen.names = [name for name in chosen.names if BENCHMARKS[name].quick is not None]
    return chosen


def main() -> None:
    args, measured, wrong, start = arguments(), [], {}, time.monotonic()
    race.prepare(torch=False)
    os.environ["PYTHONUNBUFFERED"] = "1"
    warn_of_load()
    path = None
    with tempfile.TemporaryDirectory() as folder:
        for i, name in enumerate(args.names):
            left = sum(BENCHMARKS[other].minutes for other in args.names[i:])
            eta = "" if args.quick or args.rounds else f", about {left:.0f} min left on two idle cores"
            race.say(f"{name}: {i + 1} of {len(args.names)}{eta}")
            found, failed = run_one(name, args, Path(folder))
            measured += found
            path = write(found, args)
            if failed:
                wrong[name] = failed
    print(f"\n## Ratios\n\n{summary(measured, wrong)}\n\n{path}: {len(measured)} lines")
    race.say(f"{(time.monotonic() - start) / 60:.1f} min in all")
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    main()
