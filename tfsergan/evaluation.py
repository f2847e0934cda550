"""A run: the grid of cells (fold x setting x seed), measured once each, resumed, never mixed with another.

Knows no paper by name: a script in `reproductions/` says what a cell is.
"""

import contextlib
import gc
import hashlib
import json
import shutil
import socket
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import filelock
import numpy as np
import tomli_w

from tfsergan import corpora as stored
from tfsergan import folds, machine, metrics, results
from tfsergan.corpora import Corpus
from tfsergan.engine import Engine, InProcess, Task
from tfsergan.errors import CorpusNotFound, TfserganError
from tfsergan.files import sweep, write_atomically
from tfsergan.papers import Paper, Settings
from tfsergan.progress import Report, silent
from tfsergan.results import Results, digest, read_run
from tfsergan.stages import Stages

PACKAGES = ("tfsergan", "tensorflow", "keras", "numpy", "scikit-learn")
"""A change of version among these may change numbers."""

ELSEWHERE = ".elsewhere"  # in a run's folder: what its tasks in other processes need and tell


@dataclass
class Run:
    """One folder's worth of measuring: what determines the numbers, and the results so far.

    Args:
        folder: holds `run.toml`, `results.jsonl`, `models/`, `tensorboard/`, `tables/`, `figures/`.
        paper, settings, schedule, protocol: what is reproduced and how.
        overrides: settings changed by hand, as typed.
        seed: the base of every seed.
        corpora: a corpus by role; where it is not there, the error that says so; roles that nothing asked for needs
            may be left out.
        report: called as work proceeds.
        engine: does the tasks; one of `tfsergan.engine`.
        stages: where it shares its training stages with other runs; None for nowhere.
        method: the one generative method that is trained, without any table; empty for the paper's tables.

    Attributes:
        warnings: what the user should know, of opening the run or of what was done since; nothing that stops it.
    """

    folder: Path
    paper: Paper
    settings: Settings
    schedule: str
    protocol: str
    corpora: Mapping[str, Corpus | CorpusNotFound]
    overrides: Mapping[str, str] = field(default_factory=dict)
    seed: int = 0
    report: Report = silent
    engine: Engine = field(default_factory=InProcess)
    stages: Stages | None = None
    method: str = ""
    results: Results = field(init=False)
    warnings: list[str] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self.results = Results(self.folder / "results.jsonl")

    def corpus(self, role: str) -> Corpus:
        """The corpus of a role.

        Raises:
            CorpusNotFound: it is not there.
        """
        found = self.corpora[role]
        if isinstance(found, CorpusNotFound):
            raise found
        return found

    def has(self, *roles: str) -> bool:
        """Whether all these roles have their corpus."""
        return all(isinstance(self.corpora.get(role), Corpus) for role in roles)

    def seed_of(self, *names: object) -> int:
        """The seed of something: from the base seed, the paper and what it is, whatever else runs."""
        text = json.dumps([self.seed, self.paper.name, *map(str, names)])
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1

    def log_dir(self, fold: str, stage: str) -> Path:
        """Where TensorBoard finds the curves of a stage; its run is called so below `tensorboard/`."""
        return self.folder / "tensorboard" / "training" / f"fold {fold}" / stage

    def each(self, work: Callable[..., None], items: Iterable[Any], *shared: Any, **options: Any) -> None:
        """Calls `work(run, item, *shared)` for each item; arguments are those of `tasks`."""
        self.do(self.tasks(work, items, *shared, **options))

    def tasks(
        self,
        work: Callable[..., None],
        items: Iterable[Any],
        *shared: Any,
        ahead: Callable[..., Sequence[Task]] | None = None,
    ) -> list[Task]:
        """A task an item: independent pieces of a run, such as its folds.

        Args:
            work: a function of a module. It keeps what others need in the run's folder alone: results, and
                stages under `models/`.
            items: with a `name`, or as their own name.
            shared: what every call gets beside the run and its item.
            ahead: gives, for the run and an item, tasks that train what `work` would else train itself, to be done
                before it side by side. One process alone needs none.
        """
        found = []
        for item in items:
            before = ahead(self, item) if ahead and self.engine.elsewhere else []
            name = f"{work.__name__} {getattr(item, 'name', item)}"
            after = frozenset(task.name for task in before)
            found += [*before, Task(name, work, (item, *shared), after)]
        return found

    def do(self, tasks: Sequence[Task]) -> None:
        """Does tasks, each after those it waits for, where the run's engine does them."""
        if self.engine.elsewhere and len(tasks) >= self.engine.fewest:
            with Elsewhere(self) as elsewhere:
                self.engine.run(tasks, elsewhere.piece, elsewhere.look, elsewhere.finish)
        else:
            InProcess().run(tasks, self.call, lambda: None, lambda task, result: None)

    def call(self, task: Task) -> None:
        """Does a task here."""
        task.work(self, *task.args)
        gc.collect()  # models are cycles; a fold's are some gigabytes

    def measure(
        self, table: int, row: str, column: str, fold: str, compute: Callable[[], Sequence[dict[str, Any]]]
    ) -> None:
        """Measures a cell unless that is done: `compute` gives one dict with `metrics` a repeat."""
        key = {"table": table, "row": row, "column": column, "fold": fold}
        if self.results.of(**key):
            return
        measured = compute()
        shared = {**self.provenance(), "repeats": len(measured)}
        self.results.append([{**key, "repeat": i, **result, **shared} for i, result in enumerate(measured)])

    def provenance(self) -> dict[str, Any]:
        """What every result carries: paper, corpora, protocol, schedule, seed, versions."""
        identity = self.identity()
        return {
            "paper": self.paper.name,
            "corpora": {role: entry["name"] for role, entry in identity["corpora"].items()},
            **{name: identity["run"][name] for name in ("protocol", "schedule", "overrides", "seed")},
            "settings": digest(identity["settings"]),
            "versions": identity["versions"],
        }

    def identity(self) -> dict[str, Any]:
        """All that determines the numbers of this run."""
        return {
            "run": {
                "paper": self.paper.name,
                "schedule": self.schedule,
                "protocol": self.protocol,
                "seed": self.seed,
                "threads": self.engine.threads,
                "overrides": dict(self.overrides),
                **({"method": self.method} if self.method else {}),
            },
            "corpora": {
                role: {
                    "name": c.name,
                    "features": c.features,
                    "utterances": len(c),
                    "fingerprint": c.fingerprint,
                }
                for role, c in self.corpora.items()
                if isinstance(c, Corpus)
            },
            "settings": self.paper.written(self.settings),
            "versions": package_versions(),
        }

    def missing(self) -> dict[str, str]:
        """Why roles have no corpus."""
        return {role: str(c) for role, c in self.corpora.items() if isinstance(c, CorpusNotFound)}

    @contextmanager
    def opened(self, command: str = "") -> Iterator["Run"]:
        """Takes the folder for this process, writes or compares `run.toml`, sorts the results at the end.

        Raises:
            TfserganError: another process has the folder, or it holds another run.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = filelock.FileLock(self.folder / ".lock", timeout=0).acquire()
        except filelock.Timeout:
            raise TfserganError(
                f"{self.folder}: another tfsergan process is at work in this folder. "
                "Wait for it, or give this run a folder of its own: --out FOLDER."
            ) from None
        with lock:
            self.claim(command)
            self.move_old_logs()
            self.results = Results(self.folder / "results.jsonl")
            self.results.own = results.complete([*self.results.own, *left_elsewhere(self.folder)])
            self.results.write()  # without what a kill left unfinished
            shutil.rmtree(self.folder / ELSEWHERE, ignore_errors=True)
            sweep(self.folder)
            yield self
            self.results.write()
            sweep(self.folder)  # of processes that died and were replaced

    def move_old_logs(self) -> None:
        """Puts TensorBoard logs of older versions, in `tensorboard/FOLD/STAGE`, where `log_dir` looks for them."""
        for models in sorted((self.folder / "models").glob("*")):
            old, new = self.folder / "tensorboard" / models.name, self.log_dir(models.name, "")
            if old.is_dir() and not new.exists() and old != new.parent:
                new.parent.mkdir(parents=True, exist_ok=True)
                old.rename(new)

    def claim(self, command: str) -> None:
        """Writes `run.toml`, or checks that the one there is of the same run."""
        path = self.folder / "run.toml"
        identity, there, finished = self.identity(), {}, []
        if path.exists():
            there = read_run(self.folder)
            finished = there.get("finished", [])
            different = differences(there, identity)
            if different:
                raise TfserganError(
                    f"{path}: this folder holds another run:\n  "
                    + "\n  ".join(different)
                    + "\nGive this run a folder of its own: --out FOLDER."
                )
            if identity["corpora"].keys() - there["corpora"].keys():
                finished = []  # more can be measured now
            identity["corpora"] = {**there["corpora"], **identity["corpora"]}
        missing = {**there.get("missing", {}), **self.missing()}
        missing = {role: why for role, why in missing.items() if role not in identity["corpora"]}
        entry = {**identity, "missing": missing, "command": command, "finished": finished}
        write_atomically(path, tomli_w.dumps(entry | self.machines(there)).encode())

    def machines(self, there: Mapping[str, Any]) -> dict[str, Any]:
        """This machine, and those that the run of an earlier `run.toml` was on; warns where their conditions differ."""
        here, before = machine.facts(), list(there.get("hardware_before", []))
        different = machine.differences(there.get("hardware", {}), here) if there else []
        if different:
            before.append(there["hardware"])
            self.warnings.append(
                f"{self.folder} was begun under other conditions, so that new numbers may differ in their last "
                f"digits from what these would have given: {'; '.join(different)}."
            )
        others = {
            "hardware_before": before,
            "hardware_of_workers": list(there.get("hardware_of_workers", [])),
        }
        return {"hardware": here, **{name: found for name, found in others.items() if found}}

    def note_worker(self, facts: Mapping[str, Any]) -> None:
        """Notes in `run.toml` the machine of a worker that may give other last digits than this one; warns once."""
        entry = read_run(self.folder)
        known = entry.get("hardware_of_workers", [])
        if all(machine.differences(other, facts) for other in (entry["hardware"], *known)):
            write_atomically(
                self.folder / "run.toml",
                tomli_w.dumps({**entry, "hardware_of_workers": [*known, dict(facts)]}).encode(),
            )
            different = "; ".join(machine.differences(facts, entry["hardware"]))
            self.warnings.append(
                f"A worker is of another kind than this machine, so that its numbers may differ in their last digits "
                f"from what this one would give: {different}. run.toml has it under hardware_of_workers."
            )

    def finish(self, tables: Iterable[int]) -> None:
        """Notes in `run.toml` that these tables have been measured whole, as far as their corpora are there."""
        entry = read_run(self.folder)
        entry["finished"] = sorted({*entry.get("finished", []), *tables})
        write_atomically(self.folder / "run.toml", tomli_w.dumps(entry).encode())


class Elsewhere:
    """Tasks of a run in other processes: lends them its corpora, shows their progress, takes over their results.

    Every task writes its results to a file of its own, so that none is lost when this process is killed; this one
    alone writes the run's.

    Args:
        run: opened.
    """

    def __init__(self, run: Run):
        self.run, self.folder = run, run.folder / ELSEWHERE
        self.corpora = (
            self.folder / f"corpora-{uuid.uuid4().hex[:8]}"
        )  # processes keep what they read by its path
        self.told: dict[Path, dict[str, list[int]]] = {}

    def __enter__(self) -> "Elsewhere":
        places: dict[str, Path | CorpusNotFound] = {}
        for role, corpus in self.run.corpora.items():
            if isinstance(corpus, CorpusNotFound):
                places[role] = corpus
                continue
            file = (self.corpora / f"{role.replace('/', '-')}-{corpus.fingerprint}").absolute()
            stored.save(corpus, file)
            places[role] = file
        options = {name: getattr(self.run, name) for name in OPTIONS}
        versions = self.run.identity()["versions"]
        self.piece = Piece({**options, "folder": self.run.folder.absolute()}, places, versions)
        return self

    def __exit__(self, *error: object) -> None:
        self.look()
        # After an error the results of unfinished tasks are still there.
        for left in (self.corpora, self.folder / "progress") if error[0] else (self.folder,):
            shutil.rmtree(left, ignore_errors=True)

    def look(self) -> None:
        """Reports what tasks have told since the last look."""
        for path in sorted((self.folder / "progress").glob("*.json")):
            try:
                told = json.loads(path.read_text(encoding="utf-8"))
            except (OSError, ValueError):
                continue  # on a shared disk a file may be seen half-written
            before = self.told.get(path, {})
            for task, (done, total) in told.items():
                if before.get(task) != [done, total]:
                    self.run.report(task, done, total)
            self.told[path] = told

    def finish(self, task: Task, done: tuple[Sequence[dict], Mapping[str, Any]]) -> None:
        """Takes over the results of a finished task, and what machine they are from."""
        rows, facts = done
        self.look()
        self.run.note_worker(facts)
        if rows:
            self.run.results.append(rows)
        self.piece.results_of(task).unlink(missing_ok=True)


OPTIONS = ("folder", "paper", "settings", "schedule", "protocol", "overrides", "seed", "stages")


@dataclass(frozen=True)
class Piece:
    """Does one task of a run in another process; picklable.

    Args:
        options: of the run.
        corpora: where `Elsewhere` put them, by role.
        versions: of the packages that the run's results depend on.
    """

    options: Mapping[str, Any]
    corpora: Mapping[str, Path | CorpusNotFound]
    versions: Mapping[str, str]

    def __call__(self, task: Task) -> tuple[list[dict], dict[str, Any]]:
        """Does the task and returns its results, and the facts of the machine that they are from.

        Raises:
            TfserganError: other versions here than where the run was started.
        """
        if different := differences(self.versions, package_versions()):
            raise TfserganError(
                f"A worker on {socket.gethostname()} has other versions than the machine that started the run: "
                f"{'; '.join(different)}. Install the same on all of them."
            )
        lent = {
            role: stored.restore(place) if isinstance(place, Path) else place
            for role, place in self.corpora.items()
        }
        folder = self.options["folder"]
        with Progress(folder / ELSEWHERE / "progress" / f"{digest(task.name)}.json") as report:
            run = Run(**self.options, corpora=lent, report=report)
            run.results = Results(self.results_of(task), others=run.results.rows)
            run.results.write()  # without what a kill left unfinished
            run.call(task)
        return run.results.own, machine.facts()

    def results_of(self, task: Task) -> Path:
        return self.options["folder"] / ELSEWHERE / "results" / f"{digest(task.name)}.jsonl"


class Progress:
    """A report that writes what it is told into a file, at most once a second.

    Args:
        path: of a JSON file: units done and in all by task.
    """

    def __init__(self, path: Path):
        self.path = path
        self.told: dict[str, tuple[int, int]] = {}
        self.written = 0.0

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *error: object) -> None:
        self.write()

    def __call__(self, task: str, done: int, total: int) -> None:
        self.told[task] = done, total
        if time.monotonic() - self.written > 1:
            self.write()

    def write(self) -> None:
        self.written = time.monotonic()
        with contextlib.suppress(OSError):  # progress is no reason to fail
            write_atomically(self.path, json.dumps(self.told).encode())


def left_elsewhere(folder: Path) -> list[dict]:
    """The results that tasks in other processes had when their run was killed."""
    found = sorted((folder / ELSEWHERE / "results").glob("*.jsonl"))
    return [row for path in found for row in results.read(path, drop_cut_line=True)]


def chosen_folds(run: Run, role: str = "labelled") -> list[folds.Fold]:
    """All folds of a role's corpus that leave one session out, or the first so many (the setting `folds`)."""
    return folds.leave_one_session_out(run.corpus(role))[: run.settings.folds or None]


def score(
    truth: np.ndarray, predicted: np.ndarray, speakers: np.ndarray, classes: Sequence[str], **extra: float
) -> list[dict[str, Any]]:
    """One result a repeat: UAR, WA and the confusion matrix of each test speaker.

    Args:
        truth: (n,) labels.
        predicted: (repeats, n) labels.
        speakers: (n,) names.
        classes: their names.
        extra: further metrics, the same for every repeat.
    """
    scored = []
    for labels in predicted:
        by_speaker = {
            str(name): metrics.confusion(truth[speakers == name], labels[speakers == name], len(classes))
            for name in sorted(set(speakers.tolist()))
        }
        whole = np.sum(list(by_speaker.values()), axis=0)
        scored.append(
            {
                "metrics": {"uar": float(metrics.uar(whole)), "wa": float(metrics.wa(whole)), **extra},
                "n": len(truth),
                "classes": list(classes),
                "confusion": {name: matrix.tolist() for name, matrix in by_speaker.items()},
            }
        )
    return scored


def mean_over_features(differences: np.ndarray, samples: int = 2000, **extra: float) -> list[dict[str, Any]]:
    """The mean of differences (E, D) as a result, with a bootstrap interval over the D features.

    Args:
        differences: (E, D).
        samples: of the bootstrap.
        extra: further metrics.
    """
    by_feature = differences.mean(axis=0)
    rows = np.random.default_rng(0).integers(len(by_feature), size=(samples, len(by_feature)))
    interval = np.percentile(by_feature[rows].mean(axis=1), (2.5, 97.5)).tolist()
    found = {**extra, "distance": float(by_feature.mean())}
    return [{"metrics": found, "n": len(by_feature), "interval": interval}]


def differences(there: Mapping[str, Any], here: Mapping[str, Any], prefix: str = "") -> list[str]:
    """What differs between two runs' identities, a line each, for the keys of the second.

    A corpus that one of them lacks is no difference: its rows are measured when it comes.
    """
    lines = []
    for key, value in here.items():
        old = there.get(key)
        if isinstance(value, Mapping):
            lines += differences(old or {}, value, f"{prefix}{key}.")
        elif old != value and not (old is None and prefix.startswith("corpora.")):
            lines.append(f"{prefix}{key}: {old} there, {value} now")
    if prefix in ("run.", "run.overrides."):
        lines += [f"{prefix}{key}: {there[key]} there, not set now" for key in there if key not in here]
    return lines


def package_versions() -> dict[str, str]:
    """Of `PACKAGES`."""
    return {name: package_version(name) for name in PACKAGES}


def package_version(name: str) -> str:
    """The installed version of a package, "" where it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
