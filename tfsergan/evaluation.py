"""A run: the grid of cells (fold x setting x seed), measured once each, resumed, never mixed with another.

Knows no paper by name: a script in `reproductions/` says what a cell is.
"""

import gc
import hashlib
import json
import os
import platform
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import filelock
import numpy as np
import tomli_w

from tfsergan import _toml, metrics
from tfsergan.corpora import Corpus
from tfsergan.errors import CorpusNotFound, TfserganError
from tfsergan.files import write_atomically
from tfsergan.papers import Paper, Settings
from tfsergan.progress import Report, silent
from tfsergan.results import Results

PACKAGES = ("tfsergan", "tensorflow", "keras", "numpy", "scikit-learn")
"""A change of version among these may change numbers."""


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
    results: Results = field(init=False)

    def __post_init__(self):
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

    def each(self, work: Callable[..., None], items: Iterable[Any], *shared: Any) -> None:
        """Calls `work(run, item, *shared)` for each item: independent pieces of a run, such as its folds.

        A piece keeps what others need in the run's folder alone: results, and stages under `models/`.
        """
        for item in items:
            work(self, item, *shared)
            gc.collect()  # models are cycles; a fold's are some gigabytes

    def measure(
        self, table: int, row: str, column: str, fold: str, compute: Callable[[], Sequence[dict[str, Any]]]
    ) -> None:
        """Measures a cell unless that is done: `compute` gives one dict with `metrics` a repeat."""
        key = {"table": table, "row": row, "column": column, "fold": fold}
        if self.results.of(**key):
            return
        measured = compute()
        names = measured[0]["metrics"]
        means = {
            f"table{table}/{name}/{row or 'real only'}/{column}": float(
                np.mean([m["metrics"][name] for m in measured])
            )
            for name in names
        }
        from tfsergan import (
            training,
        )  # late: TensorFlow takes seconds, and `tfsergan report` needs none of it

        training.log_scalars(self.folder / "tensorboard" / "cells" / fold, means)
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
                "overrides": dict(self.overrides),
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
            "settings": {name: list(v) if isinstance(v, tuple) else v for name, v in self.settings.items()},
            "versions": {name: package_version(name) for name in PACKAGES},
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
            lock = filelock.FileLock(self.folder / ".lock", timeout=0)
            with lock:
                self.claim(command)
                self.results = Results(self.folder / "results.jsonl")
                self.results.write()  # without what a kill left unfinished
                yield self
                self.results.write()
        except filelock.Timeout:
            raise TfserganError(
                f"{self.folder}: another tfsergan process is at work in this folder. "
                "Wait for it, or give this run a folder of its own: --out FOLDER."
            ) from None

    def claim(self, command: str) -> None:
        """Writes `run.toml`, or checks that the one there is of the same run."""
        path = self.folder / "run.toml"
        identity, missing_there = self.identity(), {}
        if path.exists():
            there = read_run(self.folder)
            missing_there = there.get("missing", {})
            different = differences(there, identity)
            if different:
                raise TfserganError(
                    f"{path}: this folder holds another run:\n  "
                    + "\n  ".join(different)
                    + "\nGive this run a folder of its own: --out FOLDER."
                )
            identity["corpora"] = {**there["corpora"], **identity["corpora"]}
        missing = {**missing_there, **self.missing()}
        missing = {role: why for role, why in missing.items() if role not in identity["corpora"]}
        entry = {**identity, "missing": missing, "command": command, "hardware": hardware()}
        write_atomically(path, tomli_w.dumps(entry).encode())


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


def read_run(folder: Path) -> dict[str, Any]:
    """The `run.toml` of a run's folder.

    Raises:
        TfserganError: there is none, or it is damaged.
    """
    path = folder / "run.toml"
    try:
        return _toml.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise TfserganError(
            f"{folder}: no run here (no run.toml). `tfsergan reproduce PAPER --out {folder}` makes one."
        ) from None
    except (_toml.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TfserganError(
            f"{path}: damaged ({error}). Take another --out, or delete the folder."
        ) from error


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
    if prefix == "run.overrides.":
        lines += [f"{prefix}{key}: {there[key]} there, not set now" for key in there if key not in here]
    return lines


def digest(value: Any) -> str:
    """Eight hex digits of a JSON value."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:8]


def package_version(name: str) -> str:
    """The installed version of a package, "" where it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def hardware() -> dict[str, Any]:
    """What the run's speed, and on other machines its last bits, depend on."""
    return {
        "python": sys.version.split()[0],
        "system": platform.platform(),
        "machine": platform.machine(),
        "cores": os.cpu_count() or 0,
    }
