"""The most memory that a fold of bao2019 takes as its source corpus grows, beside the size of its data.

python benchmarks/memory.py                                       # 10 000 and TED-LIUM's 92 973 vectors
python benchmarks/memory.py --source 929730                       # ten times TED-LIUM: needs the memory
python benchmarks/memory.py --load                                # reading them from a prepared feature table, too

Vectors are made up, of 1582 features as IS10 has. A process a size does what a run does for a fold: scaling, a few
iterations of pre-training and of the GANs, the transfer of all source vectors to four emotions, classifiers on real
vectors, synthetic ones and both. Peaks are over that of the same process with next to no source. The data are the labelled
and the source vectors, and the training set with four synthetic vectors for each source vector.
"""

import argparse
import multiprocessing
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import race

LABELLED, FEATURES, SPEAKERS = 5531, 1582, 10  # IEMOCAP, IS10
CLASSES = ("angry", "happy", "neutral", "sad")
TEDLIUM = 92_973
NEXT_TO_NOTHING = 640
SHORT = {
    **{
        "pretrain_iterations": "4",
        "gan_iterations": "4",
        "decay_iterations": "4",
        "folds": "1",
        "repeats": "1",
    },
    **{"generator_units": "64,32,64", "discriminator_units": "64"},
    **{
        f"within.{cell}.{name}": value
        for cell in ("real", "syn", "both")
        for name, value in (("units", "16"),)
    },
    **{"within.real.epochs": "1", "within.syn.epochs": "1", "within.both.epochs": "1"},
}


def made_up(n: int, classes: Sequence[str] = ()):
    """A corpus of n vectors, of ten speakers in five sessions."""
    from tfsergan.corpora import Corpus

    rows, rng = np.arange(n), np.random.default_rng(n)
    x = np.empty((n, FEATURES), np.float32)
    rng.standard_normal(dtype=np.float32, out=x)
    unknown, empty = np.full(n, np.nan, np.float32), np.full(n, "")
    return Corpus(
        name="made up",
        features="is10",
        x=x,
        feature_names=tuple(f"feature {i}" for i in range(FEATURES)),
        ids=rows.astype(str),
        speaker=(rows % SPEAKERS).astype(str),
        session=(rows % SPEAKERS // 2).astype(str),
        **dict.fromkeys(("gender", "part"), empty),
        **dict.fromkeys(("valence", "activation", "dominance"), unknown),
        classes=tuple(classes),
        emotion=(rows % len(classes)).astype(np.int32) if classes else np.full(n, -1, np.int32),
        fingerprint=str(n),
    )


def fold(n: int, folder: Path) -> None:
    """All that a run does for a fold."""
    from tfsergan import evaluation, papers
    from tfsergan.reproductions import bao2019

    paper = papers.load("bao2019")
    corpora = {"labelled": made_up(LABELLED, CLASSES), "source": made_up(n)}
    settings = paper.settings("quick", SHORT)
    run = evaluation.Run(folder / "run", paper, settings, "quick", "strict", corpora)
    with run.opened():
        bao2019.reproduce(run, [2])


def load(n: int, folder: Path) -> None:
    """Reading a prepared feature table."""
    from tfsergan import corpora

    found = corpora.load("made_up", "is10", None, manual_dir=folder, data_dir=folder / "tfds")
    assert len(found) == n


def prepare(n: int, folder: Path) -> None:
    """Writes a feature table of n vectors under the names of IS10, and builds its data set."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from tfsergan import corpora
    from tfsergan.datasets.feature_table import tables

    columns = dict(zip(tables.known_names("is10"), made_up(n).x.T, strict=True))
    ids = np.char.zfill(np.arange(n).astype(str), 8)
    (folder / "made_up").mkdir(parents=True)
    pq.write_table(
        pa.table({"utterance": ids, "speaker": ids, **columns}), folder / "made_up" / "is10.parquet"
    )
    corpora.prepare("made_up", "is10", manual_dir=folder, data_dir=folder / "tfds")


def child(work: Callable, n: int, folder: str, pipe) -> None:
    """Does the work in a process of its own and answers with its peak, in MiB, or why it failed."""
    try:
        work(n, Path(folder))
        pipe.send(race.peak_memory())
    except Exception as error:
        pipe.send(race.Failed(race.reason(error)))


def peak(work: Callable, n: int, folder: Path) -> float:
    """The most memory that the work on n source vectors takes, in MiB.

    Raises:
        race.Failed: it could not be done.
    """
    context = multiprocessing.get_context("spawn")
    ours, its = context.Pipe(duplex=False)
    process = context.Process(target=child, args=(work, n, str(folder), its))
    process.start()
    its.close()
    try:
        answer = ours.recv()
    except EOFError:
        process.join()
        raise race.Failed(f"its process was ended, code {process.exitcode}; is memory short?") from None
    process.join()
    if isinstance(answer, race.Failed):
        raise answer
    return answer


def size(n: int, work: Callable) -> float:
    """The data of n source vectors, in MiB."""
    vectors = n if work is load else n + LABELLED + (LABELLED + len(CLASSES) * n)
    return vectors * FEATURES * 4 / 2**20


def measured(work: Callable, n: int) -> dict[str, object]:
    """The figures of one size."""
    found: dict[str, object] = {"data_mib": size(n, work) - size(NEXT_TO_NOTHING, work)}
    if found["data_mib"] * 1.5 > available():
        return {**found, "failed": f"needs more than the {available():.0f} MiB that are free"}
    try:
        for name, vectors in (("base_mib", NEXT_TO_NOTHING), ("peak_mib", n)):
            with tempfile.TemporaryDirectory() as folder:
                if work is load:
                    peak(prepare, vectors, Path(folder))
                race.say(f"{work.__name__}: {vectors} source vectors")
                found[name] = peak(work, vectors, Path(folder))
    except race.Failed as error:
        return {**found, "failed": str(error)}
    return {**found, "ratio": (found["peak_mib"] - found["base_mib"]) / found["data_mib"]}


def available() -> float:
    """Memory in MiB that processes may still take, as far as the system tells."""
    try:
        lines = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    except OSError:
        return float("inf")
    return int(lines["MemAvailable"].split()[0]) / 1024


def table(figures: dict[tuple[str, int], dict]) -> str:
    """A Markdown table, a row a size."""
    lines = [
        "| | source vectors | data MiB | peak over base, MiB | ratio |",
        "|---|---:|---:|---:|---:|",
    ]
    for (work, n), row in figures.items():
        if "failed" in row:
            lines.append(f"| {work} | {n} | {row['data_mib']:.0f} | failed: {row['failed']} | |")
            continue
        over = row["peak_mib"] - row["base_mib"]
        lines.append(f"| {work} | {n} | {row['data_mib']:.0f} | {over:.0f} | {row['ratio']:.2f} |")
    return "\n".join(lines)


def arguments() -> argparse.Namespace:
    parser = race.parser(__doc__, rounds=1, threads=False)
    parser.add_argument("--source", type=race.positive, action="append", help="vectors; repeatable")
    parser.add_argument("--load", action="store_true", help="also reading from a prepared feature table")
    return parser.parse_args()


def main() -> None:
    args = arguments()
    race.prepare(torch=False)
    sizes = args.source or [10_000, TEDLIUM]
    figures = {
        (work.__name__, n): measured(work, n)
        for work in ([load] if args.load else []) + [fold]
        for n in sizes
    }
    race.introduce({"features": FEATURES, "labelled": LABELLED})
    print(table(figures), flush=True)
    record = race.Record(Path(sys.argv[0]).stem)
    for (work, n), row in figures.items():
        record.add(f"{work}, {n} source vectors", {race.OURS: row}, {"source": n, "features": FEATURES})
    record.write(args.json)


if __name__ == "__main__":
    main()
