"""Have scores moved? Compares a quick run of bao2019 with the frozen one, and committed results with their pages.

python benchmarks/gate.py --run runs/bao2019              # the run of README's command
python benchmarks/gate.py --run runs/bao2019 --update     # after a change that is meant to move scores

On the same kind of machine with the same versions, scores are compared to the last bit. Elsewhere matrix products round
differently: then each cell's mean may differ by 2.5 points or three standard deviations of its seeds. A score outside of that,
or a committed result that is no result, fails. Speeds are printed beside the frozen ones, as ratios to a peer in the same
minute, and never fail.
"""

import argparse
import hashlib
import json
import platform
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import classifier_grid
import cyclegan_step
import peers
import race
import startup

from tfsergan import evaluation, papers, results
from tfsergan.errors import TfserganError
from tfsergan.report import assemble, tables

ROOT = Path(__file__).resolve().parent.parent
SCORES = Path(__file__).with_name("frozen") / "bao2019-quick.json"
SPEEDS = SCORES.with_name("speeds.json")
POINTS = {"uar": 0.025, "wa": 0.025, "distance": 0.015, "source_distance": 1e-4, "spread_ratio": 0.1}
# A distance is of one GAN: with oneDNN's kernels for SSE4.1, AVX, AVX2 and AVX-512, 0.035, 0.042, 0.039 and 0.033 (lambda_cls=2);
# the source's own is 0.087.
DEVIATIONS = 3  # of a cell's seeds

# What the pages in docs/papers say in their first tables, of schedule compact: paper, table, row, column, metric, protocol.
KEY_FIGURES = (
    ("bao2019", 1, "target - syn (lambda_cls=0)", "distance", "distance", "strict"),
    ("bao2019", 2, "", "Real", "uar", "strict"),
    ("bao2019", 2, "lambda_cls=0", "Syn.", "uar", "strict"),
    ("bao2019", 2, "lambda_cls=2", "Real+Syn.", "uar", "strict"),
    ("bao2019", 3, "lambda_cls=2", "Real+Syn.", "uar", "strict"),
    ("li2020", 2, "EC only model", "test", "wa", "strict"),
    ("li2020", 2, "Proposed MEnAN", "test", "wa", "strict"),
    ("yi2019", 1, "SVM", "test", "wa", "paper"),
    ("yi2019", 1, "ADAN + SVM", "test", "wa", "strict"),
    ("yi2019", 1, "ADAN + DNN", "test", "wa", "paper"),
    ("yi2019", 1, "ADAN + DNN", "test", "wa", "strict"),
)


# --- Scores of a run -------------------------------------------------------------------------------------------


def frozen_from(folder: Path) -> dict:
    """What is kept of a run: what it was, where it was made, its scores.

    Raises:
        TfserganError: no run there.
    """
    run = evaluation.read_run(folder)
    rows = results.read(folder / "results.jsonl")
    return {
        "run": {
            name: run["run"][name]
            for name in ("paper", "schedule", "protocol", "seed", "threads", "overrides")
        },
        "corpora": {role: corpus["fingerprint"] for role, corpus in sorted(run["corpora"].items())},
        "settings": run["settings"],
        "machine": kind_of_machine(run["versions"]),
        "scores": {key_of(row): row["metrics"] for row in sorted(rows, key=key_of)},
    }


def key_of(row: dict) -> str:
    """A row's cell and repeat as one text."""
    return " | ".join([*results.cell(row), str(row["repeat"])])


def kind_of_machine(versions: dict[str, str]) -> dict[str, object]:
    """What the last bits of a result depend on."""
    kept = {name: text for name, text in versions.items() if name != "tfsergan"}
    return {"machine": platform.machine(), "features": cpu_features(), "versions": kept}


def cpu_features() -> str:
    """A digest of the processor's instruction sets, "" where the system does not tell."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    flags = next(
        (line.partition(":")[2].split() for line in lines if line.startswith(("flags", "Features"))), []
    )
    return hashlib.sha256(" ".join(sorted(flags)).encode()).hexdigest()[:16] if flags else ""


def compared(frozen: dict, now: dict) -> tuple[list[str], str]:
    """What is wrong with scores beside the frozen ones, a line each, and how they were compared."""
    wrong = [
        f"this is another run than the frozen one: {name} {now[part].get(name)} instead of {value}"
        for part in ("run", "settings")  # a setting that is new since has its default
        for name, value in frozen[part].items()
        if now[part].get(name) != value
    ]
    lost, new = frozen["scores"].keys() - now["scores"].keys(), now["scores"].keys() - frozen["scores"].keys()
    wrong += [f"{key}: not measured" for key in sorted(lost)] + [f"{key}: not frozen" for key in sorted(new)]
    if wrong:
        return wrong, ""
    exact = frozen["machine"] == now["machine"] and frozen["corpora"] == now["corpora"]
    return (exactly if exact else within_bounds)(frozen["scores"], now["scores"])


def exactly(frozen: dict[str, dict], now: dict[str, dict]) -> tuple[list[str], str]:
    """Every score to the last bit."""
    wrong = [
        f"{key}, {metric}: {now[key].get(metric)} instead of {value}"
        for key, values in frozen.items()
        for metric, value in values.items()
        if now[key].get(metric) != value
    ]
    return wrong, f"{sum(map(len, frozen.values()))} scores to the last bit"


def within_bounds(frozen: dict[str, dict], now: dict[str, dict]) -> tuple[list[str], str]:
    """Every cell's mean over folds and repeats."""
    wrong, before, after = [], by_cell(frozen), by_cell(now)
    for (cell, metric), values in before.items():
        spread = statistics.stdev(values) if len(values) > 1 else 0.0
        bound = max(POINTS[metric], DEVIATIONS * spread)
        old, new = statistics.mean(values), statistics.mean(after[cell, metric])
        if abs(new - old) > bound:
            wrong.append(f"{cell}, {metric}: {new:.4f} instead of {old:.4f}, more than {bound:.4f} away")
    return wrong, f"{len(before)} means within their bounds (another machine, version or extractor)"


def by_cell(scores: dict[str, dict]) -> dict[tuple[str, str], list[float]]:
    """The values of each cell and metric, over folds and repeats."""
    found = defaultdict(list)
    for key, metrics in scores.items():
        cell = " | ".join(key.split(" | ")[:3])  # without fold and repeat
        for metric, value in metrics.items():
            found[cell, metric].append(value)
    return dict(found)


# --- Committed results -------------------------------------------------------------------------------------------


def faults_of_results(folder: Path) -> Iterator[str]:
    """What is wrong with committed results, a line each."""
    for path in sorted(folder.glob("*.jsonl")):
        try:
            rows, paper = results.read(path), papers.load(path.stem)
        except TfserganError as error:
            yield str(error)
            continue
        numbers = {table.number for table in paper.tables}
        for number, row in enumerate(rows, 1):
            if row.get("paper") != path.stem or row["table"] not in numbers:
                yield f"{path.name}:{number}: of paper {row.get('paper')}, table {row['table']}"
        yield from (f"{path.name}: {fault}" for fault in faults_of_rows(rows))


def faults_of_rows(rows: Iterable[dict]) -> Iterator[str]:
    """Rows that are there twice, cells that are not whole, runs of several settings."""
    repeats, settings = defaultdict(list), defaultdict(set)
    for row in rows:
        run = json.dumps([row[name] for name in ("corpora", "protocol", "schedule", "overrides", "seed")])
        repeats[run, results.cell(row), row["repeats"]].append(row["repeat"])
        settings[run].add(row["settings"])
    for (run, cell, n), found in repeats.items():
        if sorted(found) != list(range(n)):
            yield f"{' | '.join(cell)} of {run}: repeats {sorted(found)} instead of 0 to {n - 1}, each once"
    for run, digests in settings.items():
        if len(digests) > 1:
            yield f"{run}: settings {sorted(digests)} in one run"


def faults_of_pages(committed: Path, pages: Path) -> Iterator[str]:
    """Key figures that a paper's page does not have as the committed rows give them."""
    for name, number, row, column, metric, protocol in KEY_FIGURES:
        rows = [
            found
            for found in results.read(committed / f"{name}.jsonl")
            if (found["table"], found["row"], found["column"], found["protocol"], found["schedule"])
            == (number, row, column, protocol, "compact")
            and metric in found["metrics"]
        ]
        spec = papers.load(name).table(number)
        figure = tables.score_text(assemble.measured(rows, metric, spec.scale), spec.decimals) if rows else ""
        if not rows or figure not in (pages / f"{name}.md").read_text(encoding="utf-8"):
            yield f"docs/papers/{name}.md: table {number}, {row or column}, {metric}: the rows give {figure or 'nothing'}"


# --- Speeds ------------------------------------------------------------------------------------------------------


def speeds() -> dict[str, float]:
    """Times as ratios to a peer's in the same minute; less is faster.

    Start-up by the clock; what computes on one thread by processor time, which other work on the machine moves less.
    """
    started = startup.measured(3)
    found = {
        f"{name} / {startup.REFERENCE}": 1 / statistics.median(row["ratios"])
        for name, row in started.items()
        if row.get("ratios") and name.startswith("tfsergan")
    }
    real, plain = classifier_grid.Setup("Real", share=0.03), classifier_grid.PLAIN
    contestants = {name: classifier_grid.CONTESTANTS[name] for name in (race.OURS, plain)}
    cell = race.measure(contestants, real, rounds=1, iterations=1, warm_up=0)
    contestants = {race.OURS: cyclegan_step.tfsergan_step, peers.PRODUCTS: peers.products_alone}
    iteration = race.measure(contestants, cyclegan_step.Setup(width=256), rounds=5, iterations=2)
    for name, peer, figures in (
        ("classifiers on real vectors", plain, cell),
        ("bao2019, an iteration at a quarter of the widths", peers.PRODUCTS, iteration),
    ):
        if figures[peer].get("ratios"):
            ours, theirs = (statistics.median(figures[who]["processor_seconds"]) for who in (race.OURS, peer))
            found[f"{name} / {peer}"] = ours / theirs
    return found


def beside(frozen: dict[str, float], now: dict[str, float]) -> Iterator[str]:
    """A line a speed."""
    for name, ratio in now.items():
        if name not in frozen:
            yield f"{name}: {ratio:.4f}"
            continue
        change = 100 * (ratio / frozen[name] - 1)
        than = f"{abs(change):.0f} % {'slower' if change > 0 else 'faster'} than frozen"
        yield f"{name}: {ratio:.4f}, frozen {frozen[name]:.4f}: {than}"


# --- The gate ------------------------------------------------------------------------------------------------------


def told(what: str, faults: Iterable[str]) -> bool:
    """Prints what is wrong, or that nothing is; whether nothing is."""
    faults = list(faults)
    print(f"{what}: {'FAILED' if faults else 'right'}")
    for fault in faults[:20]:
        print(f"  {fault}")
    if len(faults) > 20:
        print(f"  and {len(faults) - 20} more")
    return not faults


def write(path: Path, content: dict) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    print(f"{path.relative_to(ROOT)} written")


def read_or(path: Path, default: Callable[[], dict]) -> dict:
    """A frozen file; the default where there is none yet."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else default()


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--run", type=Path, help="folder of a finished `tfsergan reproduce bao2019`")
    parser.add_argument("--update", action="store_true", help="freeze what is there instead of comparing")
    parser.add_argument("--no-speeds", action="store_true", help="measure no times")
    return parser.parse_args()


def main() -> None:
    args, right = arguments(), True
    race.prepare(torch=False)
    committed = ROOT / "reproductions" / "results"
    right &= told("Committed results", faults_of_results(committed))
    if right:
        right &= told("Key figures of the pages", faults_of_pages(committed, ROOT / "docs" / "papers"))
    try:
        now = frozen_from(args.run) if args.run else None
    except TfserganError as error:
        raise SystemExit(f"gate: {error}") from None
    if now and args.update:
        write(SCORES, now)
    elif now:
        wrong, how = compared(json.loads(SCORES.read_text(encoding="utf-8")), now)
        right &= told(f"Scores of {args.run}, {how}" if how else f"Scores of {args.run}", wrong)
    if not args.no_speeds:
        ratios = speeds()
        if args.update:
            write(SPEEDS, ratios)
        print("Speeds, ratios of times (no reason to fail):")
        print("\n".join(f"  {line}" for line in beside(read_or(SPEEDS, dict), ratios)))
    raise SystemExit(not right)


if __name__ == "__main__":
    main()
