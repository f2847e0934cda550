"""Whole quick runs of bao2019 on the demo corpus: how much faster two processes are, and whether bfloat16 moves scores.

python benchmarks/quick_run.py                        # a table of times, and the scores of both precisions
python benchmarks/quick_run.py --set gan_iterations=60 --set pretrain_iterations=60      # shorter

The demo corpus is prepared first, outside of what is timed.
"""

import argparse
import json
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import race

CASES = {
    "1 job": ("--jobs", "1"),
    "2 jobs": ("--jobs", "2"),
    "2 jobs, mixed_bfloat16": ("--jobs", "2", "--set", "precision=mixed_bfloat16"),
}
REFERENCE = "1 job"


class Runs:
    """Runs of one case, each in a folder of its own.

    Args:
        name: of the case.
        folder: for all of them.
        options: of the command.
    """

    def __init__(self, name: str, folder: Path, options: Sequence[str]):
        self.options = (*CASES[name], *options)
        self.folder, self.started = folder / name.replace(" ", "-"), 0

    def next(self) -> Sequence[str]:
        """The command of the next run."""
        self.started += 1
        command = (sys.executable, "-m", "tfsergan.cli", "reproduce", "bao2019", "--quiet", "--threads", "1")
        command = *command, "--stages", "none"  # every round trains
        return *command, *self.options, "--out", str(self.folder / str(self.started))

    def scores(self) -> list[dict[str, float]]:
        """The results of each finished run: score by cell, repeat and metric."""
        return [scores(path) for path in sorted(self.folder.glob("*/results.jsonl"))]


def scores(path: Path) -> dict[str, float]:
    """What a results file measured, by what was measured."""
    found = {}
    for text in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(text)
        name = f"table {row['table']}, {row['row'] or 'all rows'}, {row['column']}, {row['fold']}"
        found |= {f"{name}, {row['repeat']}, {metric}": value for metric, value in row["metrics"].items()}
    return found


def same(runs: Sequence[Runs]) -> bool:
    """Whether all their runs gave the same numbers to the last bit."""
    measured = [case.scores() for case in runs]
    return all(measured) and all(found == measured[0][0] for case in measured for found in case)


def beside(runs: dict[str, Runs]) -> str:
    """A Markdown table of UAR in % by cell, averaged over folds and repeats, a column a precision."""
    columns = {"float32": runs[REFERENCE], "mixed_bfloat16": runs["2 jobs, mixed_bfloat16"]}
    cells: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for precision, case in columns.items():
        for name, value in (case.scores() or [{}])[0].items():
            *cell, _, _, metric = name.split(", ")
            if metric == "uar":
                cells[", ".join(cell)][precision].append(100 * value)
    lines = ["| UAR, % | float32 | mixed_bfloat16 | difference |", "|---|---:|---:|---:|"]
    for cell, by_precision in sorted(cells.items()):
        a, b = (statistics.mean(by_precision[p]) if by_precision[p] else float("nan") for p in columns)
        spread = statistics.pstdev(by_precision["float32"]) if by_precision["float32"] else float("nan")
        lines.append(f"| {cell} | {a:.2f} ± {spread:.2f} | {b:.2f} | {b - a:+.2f} |")
    return "\n".join([*lines, "", "±: over folds and seeds in float32."])


def arguments() -> argparse.Namespace:
    parser = race.parser(__doc__, rounds=2, threads=False)
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="as of `tfsergan reproduce`"
    )
    parser.add_argument(
        "--table", action="append", default=[], metavar="N", help="as of `tfsergan reproduce`"
    )
    parser.add_argument(
        "--case", action="append", choices=CASES, help="may be repeated (default: all of them)"
    )
    return parser.parse_args()


def main() -> None:
    args = arguments()
    race.prepare(torch=False)
    options = [part for value in args.set for part in ("--set", value)]
    options += [part for value in args.table for part in ("--table", value)]
    with tempfile.TemporaryDirectory() as folder:
        runs = {name: Runs(name, Path(folder), options) for name in args.case or CASES}
        race.say("preparing the demo corpus")
        for part in ("labelled", "source", "cross"):
            race.time_command((sys.executable, "-m", "tfsergan.cli", "data", "prepare", f"demo/{part}"))
        commands: dict[str, Callable] = {name: case.next for name, case in runs.items()}
        figures = race.measure_commands(commands, args.rounds, REFERENCE)
        race.introduce({"options": " ".join(options) or "none", "rounds": args.rounds})
        print(race.table(figures, "a run", REFERENCE), end="\n\n")
        float32 = [case for name, case in runs.items() if "bfloat16" not in name]
        equal = same(float32)
        print(f"1 and 2 jobs: the results are {'the same to the last bit' if equal else 'NOT the same'}.\n")
        if REFERENCE in runs and len(runs) == len(CASES):
            print(beside(runs), flush=True)
        for name, case in runs.items():
            figures[name]["scores"] = (case.scores() or [{}])[0]
    record = race.Record("quick_run")
    record.add(" ".join(options), figures, {"same": equal}, REFERENCE)
    record.write(args.json)
    raise SystemExit(not equal and len(float32) > 1)


if __name__ == "__main__":
    main()
