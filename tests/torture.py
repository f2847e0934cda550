"""Kills a small real run again and again, goes on, and compares its end with that of an undisturbed run.

    python tests/torture.py --kills 25 --jobs 1 --seed 0

The run is `tfsergan reproduce bao2019 --table 2` on two made-up tables of features: it builds their TFDS sets,
pre-trains, trains GANs with a checkpoint each epoch, trains classifiers, appends results and writes the report. Kills
come at random times and at named moments (`MOMENTS`, `SIGHTS`); with two jobs they hit the parent, a worker, or all.
Exit code 1 on any difference.
"""

import argparse
import contextlib
import fnmatch
import hashlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
SITE = Path(__file__).parent / "moments"
TOO_LONG = 900  # s
LIFE = 5  # kills that one run suffers at most
WHOM = ("self", "parent", "group")
SETTINGS = {
    **{"generator_units": "16,8,16", "discriminator_units": "16", "domain_classifier_units": "8"},
    **{"batch_size": "16", "pretrain_iterations": "30", "gan_iterations": "30", "decay_iterations": "10"},
    **{"checkpoint_epochs": "1", "lambda_cls": "2", "repeats": "2"},
    **{f"within.{column}.updates": "30" for column in ("real", "syn", "both")},
}

# What SIGKILL comes before, in the order in which a run gets there: see moments/sitecustomize.py.
MOMENTS = {
    "a built TFDS set is not signed": ("replace", "*/sources.json.new"),
    "run.toml is written, not in place": ("replace", "*/.run.toml.*"),
    "scalers are written, not in place": ("replace", "*/.scalers.json.*"),
    "a checkpoint is written, not in place": ("replace", "*/checkpoint/unfinished.data-*", 2),
    "a checkpoint's data is in place, its index is not": ("replace", "*/checkpoint/unfinished.index", 3),
    "a checkpoint is in place, the one before is not deleted": ("unlink", "*/checkpoint/epoch-*", 1),
    "the checkpoint before is half deleted": ("unlink", "*/checkpoint/epoch-*", 4),
    "a stage's length is told, its weights are not saved": ("replace", "*/.epochs.txt.*"),
    "weights are written, not in place": ("replace", "*/unfinished.*.weights.h5"),
    "a finished stage's checkpoint is half deleted": ("rmtree", "*/checkpoint"),
    "a result's line is half written": ("fsync", "*.jsonl", 2),
    "results are appended": ("synced", "*.jsonl", 3),
    "sorted results are written, not in place": ("replace", "*/.results.jsonl.*", 2),
    "a figure is written, not in place": ("replace", "*/figures/.*"),
    "a table is written, not in place": ("replace", "*/tables/.table2.json.*"),
    "the page is written, not in place": ("replace", "*/.report.html.*"),
}
# Files that, once seen, bring SIGKILL from outside.
SIGHTS = {
    "a TFDS set is half built": "data/feature_table/*/incomplete*",
    "a checkpoint is being written": "*/checkpoint/unfinished*",
    "weights are being written": "*/unfinished.*.weights.h5",
}
STAGE = {name: i / len(MOMENTS) for i, name in enumerate(MOMENTS)} | dict(
    zip(SIGHTS, (0, 0.2, 0.5), strict=True)
)
"""How far a run has come at each moment, roughly."""


@dataclass(frozen=True)
class Kill:
    """One kill to come.

    Attributes:
        moment: a name in `MOMENTS` or `SIGHTS`, or "" for a random time.
        whom: one of `WHOM`.
        share: of the undisturbed run's time, of a random one.
    """

    moment: str
    whom: str
    share: float = 0.0

    @property
    def name(self) -> str:
        return self.moment or "a random time"

    @property
    def stage(self) -> float:
        return STAGE.get(self.moment, self.share)


@dataclass
class Job:
    """The command, its made-up corpora, and what an undisturbed run of it gives.

    Args:
        root: an empty folder.
        jobs: processes of a run; as many folds are measured.
    """

    root: Path
    jobs: int = 1
    seconds: float = field(init=False, default=0.0)
    started: list[subprocess.Popen] = field(init=False, default_factory=list)

    def __post_init__(self):
        make_corpora(self.root / "corpora")

    def command(self, folder: Path, *more: str) -> list[str]:
        """The run whose results go to `folder`/out and whose TFDS sets to `folder`/data."""
        where = [
            "--out",
            folder / "out",
            "--data-dir",
            folder / "data",
            "--manual-dir",
            self.root / "corpora",
        ]
        settings = [f"--set={name}={value}" for name, value in (SETTINGS | {"folds": str(self.jobs)}).items()]
        swaps = ["--corpus=labelled=lab", "--corpus=source=talks"]
        words = ["reproduce", "bao2019", "--table=2", "--quiet", *swaps, *settings, *where, *more]
        words += [] if "--scheduler" in more else ["--jobs", self.jobs]
        return [sys.executable, "-m", "tfsergan.cli", *map(str, words)]

    def start(
        self, folder: Path, *more: str, within: Sequence[str] = (), **variables: str
    ) -> subprocess.Popen:
        """The run as a process group of its own, which keeps what it says in `folder`/said.txt.

        Args:
            more: options of the command.
            within: a command that runs it, such as `nsenter`.
            variables: of its environment.
        """
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "said.txt").open("wb") as said:
            process = subprocess.Popen(
                [*within, *self.command(folder, *more)],
                env=environment(**variables),
                cwd=ROOT,
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.started.append(process)
        return process

    def finish(self, folder: Path, *more: str, within: Sequence[str] = (), **variables: str) -> int:
        """Runs to the end and returns the exit code; arguments are those of `start`."""
        return self.start(folder, *more, within=within, **variables).wait(TOO_LONG)

    def end(self) -> None:
        """Kills what is still running."""
        for process in self.started:
            if process.poll() is None:
                hit(process, "group")

    def undisturbed(self) -> dict[str, str]:
        """What a run that nobody kills leaves; see `left_by`."""
        began = time.monotonic()
        code = self.finish(self.root / "undisturbed")
        self.seconds = time.monotonic() - began
        if code:
            raise SystemExit(f"The undisturbed run ended with {code}:\n{said(self.root / 'undisturbed')}")
        return left_by(self.root / "undisturbed")


def make_corpora(folder: Path) -> None:
    """Tables of 1582 made-up functionals: 240 labelled utterances of six speakers in three sessions, 200 others."""
    import numpy as np
    import pyarrow as pa
    from pyarrow import parquet

    names = (ROOT / "tfsergan" / "features" / "is10_names.txt").read_text(encoding="utf-8").split()
    centres = 0.3 * np.random.default_rng(0).normal(size=(4, len(names)))
    for seed, (corpus, n) in enumerate({"lab": 240, "talks": 200}.items(), 1):
        i = np.arange(n)
        x = np.random.default_rng(seed).normal(size=(n, len(names))) + centres[i % 4] * (corpus == "lab")
        columns = {
            "utterance": [f"{corpus}{j:04d}" for j in i],
            "speaker": [f"{corpus}-{j // 4 % 6}" for j in i],
            "session": [f"{j // 4 % 3 + 1}" for j in i],
        }
        if corpus == "lab":
            columns["emotion"] = [("angry", "happy", "neutral", "sad")[j % 4] for j in i]
        columns |= dict(zip(names, x.astype(np.float32).T, strict=True))
        (folder / corpus).mkdir(parents=True)
        parquet.write_table(pa.table(columns), folder / corpus / "is10.parquet")


def environment(**variables: str) -> dict[str, str]:
    """Of a run: one thread, nothing of the caller's corpora."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TFSERGAN_", "TFDS_"))}
    path = os.pathsep.join(filter(None, [str(SITE), kept.get("PYTHONPATH")]))
    return kept | {"PYTHONPATH": path, "TF_CPP_MIN_LOG_LEVEL": "3", "OMP_NUM_THREADS": "1"} | variables


def said(folder: Path) -> str:
    """What the last run into a folder printed."""
    return (folder / "said.txt").read_text(encoding="utf-8", errors="replace")


def left_by(folder: Path, name: Path | None = None) -> dict[str, str]:
    """What a run left: each file and the digest of what must not change in it.

    Results and tables count by their bytes, but for the run's own folder in them; weights by their arrays (Keras
    numbers layers by process); `run.toml` by its corpora with their fingerprints; TensorBoard's files, whose names
    have times in them, by their folders; others by being there.

    Args:
        name: by which the run knew the folder, where that is another.
    """
    known_as, found = bytes(name or folder), {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        file = str(path.relative_to(folder))
        if path.suffix == ".jsonl" or path.name == "epochs.txt" or path.parent.name == "tables":
            found[file] = hashlib.sha256(path.read_bytes().replace(known_as, b"")).hexdigest()
        elif path.name.endswith(".weights.h5"):
            found[file] = weights_digest(path)
        elif path.name == "run.toml":
            found[file] = str(re.findall(r'fingerprint = "\w+"', path.read_text(encoding="utf-8")))
        elif "tfevents" in path.name:
            found[str(path.parent.relative_to(folder))] = "log"
        elif path.suffix != ".lock" and path.name != ".lock":  # some platforms delete them
            found[file] = ""
    return found


def weights_digest(path: Path) -> str:
    """Of every array of a weights file, by name."""
    import h5py

    digest = hashlib.sha256()

    def add(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            digest.update(name.encode() + item[()].tobytes())

    try:
        with h5py.File(path) as file:
            file.visititems(add)
    except OSError:
        return "unreadable"
    return digest.hexdigest()


def different(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """Files that differ, or that only one of two runs left."""
    names = sorted(one.keys() | other.keys())
    return [name for name in names if one.get(name) != other.get(name)]


# ---- kills --------------------------------------------------------------------------------------------------


def plan(kills: int, jobs: int, seed: int) -> list[Kill]:
    """Three quarters of the kills at named moments, each once before one comes twice, the others at random times."""
    rng = random.Random(seed)
    names = [*MOMENTS, *SIGHTS]
    aimed, wanted = [], -(-3 * kills // 4)
    while len(aimed) < wanted:
        aimed += rng.sample(names, min(len(names), wanted - len(aimed)))
    kinds = [*aimed, *[""] * (kills - len(aimed))]
    whom = [WHOM[i % 3] if jobs > 1 else "self" for i in range(kills)]
    rng.shuffle(whom)
    found = [Kill(name, one, rng.uniform(0.02, 1)) for name, one in zip(kinds, whom, strict=True)]
    rng.shuffle(found)
    return found


def lives(kills: Sequence[Kill]) -> Iterator[list[Kill]]:
    """The kills that one run suffers after another, in the order in which it meets them."""
    for first in range(0, len(kills), LIFE):
        yield sorted(kills[first : first + LIFE], key=lambda kill: kill.stage)


def strike(job: Job, folder: Path, kill: Kill, tries: int) -> tuple[bool, int]:
    """Starts the run and kills it; gives whether that came about before its end, and how it ended.

    Args:
        tries: how often this kill has come too late; a random time comes ever sooner.
    """
    mark = folder / "mark"
    mark.unlink(missing_ok=True)
    process = job.start(folder, **at(kill.moment, mark, kill.whom))
    if kill.moment in MOMENTS:
        return process.wait(TOO_LONG) != 0 or mark.exists(), process.returncode
    if kill.moment in SIGHTS:
        come = seen(SIGHTS[kill.moment], folder, process)
    else:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(kill.share * job.seconds * 0.6**tries)
        come = process.poll() is None
    if come:
        hit(process, kill.whom)
    return come, process.wait(TOO_LONG)


def at(moment: str, mark: Path, whom: str = "self", nth: int = 0) -> dict[str, str]:
    """The environment of a run that dies at one of `MOMENTS`; of others an empty one.

    Args:
        mark: a file that is made then.
        nth: in place of the moment's own.
    """
    if moment not in MOMENTS:
        return {}
    words = dict(zip(("call", "path", "nth"), MOMENTS[moment], strict=False)) | ({"nth": nth} if nth else {})
    return {"TORTURE_MOMENT": json.dumps(words | {"whom": whom}), "TORTURE_MARK": str(mark)}


def seen(pattern: str, folder: Path, process: subprocess.Popen) -> bool:
    """Waits until a file appears; False if the run ends before."""
    while process.poll() is None:
        for place, folders, files in os.walk(folder):
            if any(
                fnmatch.fnmatch(f"{Path(place, name).relative_to(folder)}", pattern)
                for name in folders + files
            ):
                return True
        time.sleep(0.0005)
    return False


def hit(process: subprocess.Popen, whom: str) -> None:
    """Sends SIGKILL to the run's parent process, to one of its workers, or to all of them.

    Without a worker there is, "self" is the parent.
    """
    with contextlib.suppress(ProcessLookupError):
        if whom == "group":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            found = workers(process.pid) if whom == "self" else []
            os.kill(found[0] if found else process.pid, signal.SIGKILL)


def workers(parent: int) -> list[int]:
    """The processes that a run has started for its tasks."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            status = (place / "stat").read_text().rpartition(")")[2].split()
            if int(status[1]) == parent and b"popen_loky" in (place / "cmdline").read_bytes():
                found.append(int(place.name))
    return sorted(found)


# ---- the whole ----------------------------------------------------------------------------------------------


@dataclass
class Tally:
    """What came of it all.

    Attributes:
        kills: how many at each moment.
        whom: how many by whom they hit.
        runs: starts of the command, of the undisturbed run too.
        ended: runs that were killed and went on to their end.
        faults: what went wrong, a line each.
    """

    kills: Counter = field(default_factory=Counter)
    whom: Counter = field(default_factory=Counter)
    runs: int = 1
    ended: int = 0
    faults: list[str] = field(default_factory=list)


def torture(job: Job, kills: int, seed: int, say=lambda text: None) -> Tally:
    """Does it: so many kills, spread over as many runs as that takes."""
    tally, expected = Tally(), job.undisturbed()
    say(f"undisturbed: {job.seconds:.0f} s, {len(expected)} files")
    for number, life in enumerate(lives(plan(kills, job.jobs, seed))):
        left, tries = list(life), Counter()
        for again in range(3 * LIFE):
            folder = job.root / f"life{number}" / f"{again}"
            if live(job, folder, left, tries, tally, say):
                judge(folder, expected, tally, say)
            if not left:
                break
        else:
            tally.faults += [f"never came: {kill.name}" for kill in left]
    return tally


def live(job: Job, folder: Path, left: list[Kill], tries: Counter, tally: Tally, say) -> bool:
    """One run from nothing to its end; takes the kills it suffers from `left`. True if it suffered any."""
    suffered = False
    while True:
        kill = left[0] if left else None
        if kill is None:
            tally.runs += 1
            code, come = job.finish(folder), False
        else:
            tally.runs += 1
            come, code = strike(job, folder, kill, tries[kill])
        if come:
            suffered = True
            left.remove(kill)
            tally.kills[kill.name] += 1
            tally.whom[kill.whom] += 1
            say(f"{folder.parent.name}: killed ({kill.whom}) when {kill.name}: {code}")
        elif kill:
            tries[kill] += 1
            left.sort(key=lambda kill: (tries[kill], kill.stage))
        if code == 0:
            return suffered
        if not come or "Traceback" in said(folder):
            tally.faults.append(f"{folder}: ended with {code}: {said(folder)[-400:]}")
            return suffered


def judge(folder: Path, expected: Mapping[str, str], tally: Tally, say) -> None:
    """Compares what a killed run left in the end with what an undisturbed one leaves."""
    tally.ended += 1
    (folder / "mark").unlink(missing_ok=True)
    wrong = different(left_by(folder), expected)
    tally.faults += [f"{folder}: {name} differs" for name in wrong]
    say(f"{folder.parent.name}: ended, {len(wrong)} files differ{''.join(f'; {name}' for name in wrong)}")


def summary(tally: Tally, jobs: int, seed: int, seconds: float) -> dict:
    return {
        "jobs": jobs,
        "seed": seed,
        "kills": sum(tally.kills.values()),
        "kills_by_moment": dict(sorted(tally.kills.items())),
        "kills_by_whom": dict(sorted(tally.whom.items())),
        "starts": tally.runs,
        "killed_runs_that_ended": tally.ended,
        "wall_seconds": round(seconds),
        "identical": not tally.faults,
        "faults": tally.faults,
    }


def show(found: Mapping[str, object]) -> None:
    """The summary as a table."""
    for name, count in found["kills_by_moment"].items():
        print(f"  {count:3d}  {name}")
    whom = ", ".join(f"{name} {count}" for name, count in found["kills_by_whom"].items())
    print(
        f"  {found['kills']:3d}  kills in all ({whom}), {found['starts']} starts, {found['wall_seconds']} s"
    )
    print(f"  {found['killed_runs_that_ended']:3d}  killed runs that came to their end")
    print(f"results identical: {'yes' if found['identical'] else 'NO'}")
    for fault in found["faults"]:
        print(f"  {re.sub(chr(10), ' | ', fault)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=25)
    parser.add_argument("--jobs", type=int, choices=(1, 2), default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="write the summary to this file, too")
    options = parser.parse_args()
    began = time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="torture-") as root:
        job = Job(Path(root), options.jobs)
        try:
            tally = torture(job, options.kills, options.seed, lambda text: print(text, flush=True))
        finally:
            job.end()
    found = summary(tally, options.jobs, options.seed, time.monotonic() - began)
    show(found)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    sys.exit(not found["identical"])


if __name__ == "__main__":
    main()
