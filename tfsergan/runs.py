"""The runs in a folder: what they are, how far, how large, and which of their files no result needs.

Reads files alone, no TensorFlow, so that anyone may look at runs at work.
"""

import os
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import filelock

from tfsergan import papers, results, stages
from tfsergan.errors import TfserganError

GENERATOR = "generator/card.toml"
"""The last file that `tfsergan train` exports, in its run's folder."""

AT_WORK, COMPLETE, INCOMPLETE = "at work", "complete", "incomplete"

CHECKPOINTS = "checkpoints and half-written best weights of finished stages"
UNFINISHED = "files that were never written whole"
DEAD = "what dead processes were lent"
WEIGHTS = "weights of complete runs"
UNUSED = "shared stages that no run links to"

Inode = tuple[int, int]
"""Device and number of a file, the same for all its hard links."""


@dataclass(frozen=True)
class RunStatus:
    """One run.

    Attributes:
        folder: the run's.
        problem: why its files can't be read; empty for a sound run.
        paper, schedule, protocol: as of `run.toml`.
        method: the one that `tfsergan train` trained, without tables; empty for a run of a paper's tables.
        corpora: name by role.
        measured, planned: cells of the paper's tables: those with as many folds as any of their table, and those
            whose corpora the run has.
        state: `AT_WORK`; `COMPLETE`, if every table whose corpora it has was measured to its end, or its method's
            generator is there; else `INCOMPLETE`.
        changed: when a file of it was last written, in seconds since 1970.
        results, models, logs: bytes.
    """

    folder: Path
    problem: str = ""
    paper: str = ""
    method: str = ""
    schedule: str = ""
    protocol: str = ""
    corpora: Mapping[str, str] | None = None
    measured: int = 0
    planned: int = 0
    state: str = INCOMPLETE
    changed: float = 0.0
    results: int = 0
    models: int = 0
    logs: int = 0


@dataclass(frozen=True)
class StoreStatus:
    """The store of the stages that runs share.

    Attributes:
        folder: of the store.
        stages: how many.
        size: bytes.
        unused: bytes of stages that no run links to.
    """

    folder: Path
    stages: int
    size: int
    unused: int


@dataclass(frozen=True)
class Leftover:
    """A file or folder that no result needs.

    Args:
        kind: one of this module's five.
        path: the file or folder.
        owner: the run or the store that it is in.
    """

    kind: str
    path: Path
    owner: Path


def find(folder: Path) -> list[Path]:
    """The folders of all runs below a folder, or the folder itself if it is one.

    Raises:
        TfserganError: there is no such folder.
    """
    if not folder.is_dir():
        raise TfserganError(
            f"{folder}: no such folder. `tfsergan reproduce PAPER` makes runs, by default in `runs`."
        )
    return results.runs_under(folder)


def store_of(folder: Path, chosen: Path | None = None) -> Path | None:
    """The store of these runs: the chosen one, None for "none", else the one beside them; need not exist."""
    if chosen:
        return None if str(chosen) == "none" else chosen
    return beside(folder) / stages.FOLDER


def beside(folder: Path) -> Path:
    """The folder that runs lie in, given it or one of them."""
    return folder.parent if (folder / "run.toml").exists() else folder


def status(folder: Path) -> RunStatus:
    """What a run is and how far."""
    sizes: Counter[str] = Counter()
    changed = 0.0
    for path, found in files(folder):
        top = path.relative_to(folder).parts[0]
        sizes[{"models": "models", "tensorboard": "logs"}.get(top, "results")] += found.st_size
        changed = max(changed, found.st_mtime)
    told: dict[str, Any] = {"folder": folder, "changed": changed, **sizes}
    try:
        run = results.read_run(folder)
        path = folder / "results.jsonl"
        rows = results.complete(results.read(path, drop_cut_line=True)) if path.exists() else []
        told |= {name: run["run"][name] for name in ("paper", "schedule", "protocol")}
        told["method"] = run["run"].get("method", "")
        told["corpora"] = {role: entry["name"] for role, entry in run["corpora"].items()}
        paper = papers.load(run["run"]["paper"])
        planned = set() if told["method"] else planned_cells(paper, run)
    except (OSError, KeyError, TfserganError) as error:
        missing = f"its files lack {error}" if isinstance(error, KeyError) else f"{error}"
        return RunStatus(**told, problem=missing, state=AT_WORK if at_work(folder) else INCOMPLETE)
    whole = bool(rows) and {table for table, _, _ in planned} <= {*run.get("finished", [])}
    done = (folder / GENERATOR).exists() if told["method"] else whole
    state = AT_WORK if at_work(folder) else COMPLETE if done else INCOMPLETE
    return RunStatus(**told, measured=measured_cells(planned, rows), planned=len(planned), state=state)


def require_tables(folder: Path) -> None:
    """Refuses the run of a single method, which has no tables.

    Raises:
        TfserganError: it is one; says what to do with it.
    """
    try:
        method = results.read_run(folder)["run"].get("method")
    except (OSError, TfserganError):
        return  # who reads it next says what is wrong with it
    if method:
        raise TfserganError(
            f"{folder}: `tfsergan train` trained {method} here, and a trained generator has no tables. Its vectors: "
            f"`tfsergan synthesize {folder}`; its SavedModel: `tfsergan export {folder} --to FOLDER`; its curves: "
            f"`tensorboard --logdir {folder}/tensorboard`."
        )


def planned_cells(paper: papers.Paper, run: Mapping[str, Any]) -> set[tuple[int, str, str]]:
    """The cells that a run can measure, by table, row and column: each once, however many tables print it."""
    found = set()
    for table in paper.tables:
        for column in table.columns:
            if all(role in run["corpora"] for role in table.needs_of(column)):
                places = [table.place(row, column) for row in table.rows if row not in table.quoted]
                found |= {(place.table, place.row, place.column) for place in places}
    return found


def measured_cells(planned: Iterable[tuple[int, str, str]], rows: Sequence[Mapping[str, Any]]) -> int:
    """How many of these cells have as many folds as any of their table."""
    folds = defaultdict(set)
    for row in rows:
        folds[row["table"], row["row"], row["column"]].add(row["fold"])
    most: Counter[int] = Counter()
    for (table, _, _), names in folds.items():
        most[table] = max(most[table], len(names))
    return sum(len(folds[cell]) == most[cell[0]] for cell in planned if cell in folds)


def files(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Every file below a folder, as it is now; those that vanish meanwhile are left out."""
    for parent, _, names in os.walk(folder):
        for name in names:
            path = Path(parent, name)
            try:
                yield path, path.stat()
            except OSError:
                continue


def size_of(path: Path) -> int:
    """Bytes of a file, or below a folder."""
    return size([path]) if path.is_dir() else path.stat().st_size


def inode(found: os.stat_result) -> Inode:
    return found.st_dev, found.st_ino


def size(paths: Iterable[Path]) -> int:
    """Bytes below some folders, those of hard links counted once."""
    return sum({inode(found): found.st_size for path in paths for _, found in files(path)}.values())


def held(lock: Path) -> bool:
    """Whether a process holds a lock, or may: one that can't be opened counts as held."""
    if not lock.exists():
        return False
    try:
        with filelock.FileLock(lock, timeout=0):
            return False
    except (filelock.Timeout, OSError):
        return True


def at_work(run: Path) -> bool:
    """Whether a process is at work in a run's folder; one of a cluster may outlive the command that sent it."""
    return held(run / ".lock") or stages_at_work(run)


def stages_at_work(run: Path) -> bool:
    return any(held(lock) for lock in (run / "models").rglob(".lock"))


def store_status(store: Path | None, folder: Path) -> StoreStatus | None:
    """What a store holds; None where there is none.

    Args:
        store: its folder.
        folder: of the runs that are known, or one of them.
    """
    if store is None or not (store / stages.TAG).exists():
        return None
    unused = unused_entries(store, find(beside(folder)), ())
    return StoreStatus(store, len(entries(store)), size([store]), freed(unused))


# ---- what no result needs -------------------------------------------------------------------------------------------


def leftovers(runs: Sequence[RunStatus], store: Path | None, models: bool) -> list[Leftover]:
    """What can be freed in runs that nobody is at work in, and in their store.

    Args:
        runs: if the store is given, all that are beside it or known to use it.
        store: None to look at runs alone.
        models: also the weights of complete runs.
    """
    found = []
    for run in runs:
        if run.state != AT_WORK and not run.problem:
            found += of_run(run.folder, models and run.state == COMPLETE)
    return [*found, *(of_store(store, [run.folder for run in runs], found) if store else [])]


def of_run(run: Path, models: bool) -> list[Leftover]:
    """What can be freed in one run."""
    found = {UNFINISHED: [], CHECKPOINTS: [], WEIGHTS: [], DEAD: [*(run / ".elsewhere").glob("corpora-*")]}
    found[DEAD] += (run / ".elsewhere").glob("progress")
    found[UNFINISHED] += [*(run / "models").rglob("unfinished.*"), *run.rglob(".*.tmp")]
    for stage in sorted(path.parent for path in (run / "models").rglob(stages.WEIGHTS)):
        checkpoints = [*stage.glob(stages.CHECKPOINT), *alone(stage)]
        found[CHECKPOINTS] += checkpoints
        if models:
            found[WEIGHTS] += [p for p in (*stages.files_of(stage), stage / stages.STAGE) if p.exists()]
    folders = found[CHECKPOINTS]
    return [
        Leftover(kind, path, run)
        for kind, paths in found.items()
        for path in sorted({*paths}, key=lambda path: (path.name != stages.WEIGHTS, path))
        if kind != UNFINISHED or not any(folder in path.parents for folder in folders)
    ]


def alone(stage: Path) -> list[Path]:
    """Best weights whose score was never written, and scores without their weights."""
    pairs = defaultdict(list)
    for path in stage.glob(stages.BEST):
        pairs[path.name.removesuffix(".json").removesuffix(".weights.h5")].append(path)
    return [path for paths in pairs.values() if len(paths) == 1 for path in paths]


def entries(store: Path) -> list[Path]:
    """The folders of the stages in a store."""
    return sorted(path for path in store.glob("*") if path.is_dir() and not path.name.startswith("."))


def of_store(store: Path, runs: Sequence[Path], removed: Sequence[Leftover]) -> list[Leftover]:
    """What can be freed in a store once that is gone which is to be removed from runs."""
    if not (store / stages.TAG).exists():
        return []
    unfinished = [path for path in sorted(store.glob(f"{stages.UNFINISHED}*")) if not held(lock_of(path))]
    return [
        *(Leftover(UNFINISHED, path, store) for path in unfinished),
        *unused_entries(store, runs, removed),
    ]


def unused_entries(store: Path, runs: Sequence[Path], removed: Sequence[Leftover]) -> list[Leftover]:
    """The stages of a store that no run has, by its own account or by a hard link."""
    gone = {leftover.path.resolve() for leftover in removed}
    links: Counter[Inode] = Counter()
    for path in gone:
        if path.name == stages.WEIGHTS:
            links[inode(path.stat())] += 1
    there = entries(store)
    # A store elsewhere may have stages of runs that are not among these: at least those that trained them are known.
    trainers = {Path(stages.read(entry).get("trained_by", store)).resolve() for entry in there}
    known = {run.resolve() for run in runs} | trainers
    told = [path for run in known for path in (run / "models").rglob(stages.STAGE) if path not in gone]
    needed = {stages.read(path.parent).get("digest") for path in told}
    found = []
    for entry in there:
        weights = entry / stages.WEIGHTS
        linked = weights.stat().st_nlink - 1 - links[inode(weights.stat())] if weights.exists() else 0
        if entry.name not in needed and not linked and not held(lock_of(entry)):
            found.append(Leftover(UNUSED, entry, store))
    return found


def lock_of(entry: Path) -> Path:
    """The lock of a stage in a store, also of one that was never put there whole."""
    digest = entry.name.removeprefix(stages.UNFINISHED).partition("-")[0]
    return entry.parent / stages.LOCKS / digest


def freed(found: Iterable[Leftover]) -> int:
    """Bytes that removing these frees: those of files none of whose hard links stay."""
    links: dict[Inode, int] = {}
    sizes: dict[Inode, int] = {}
    gone: Counter[Inode] = Counter()
    for path in {leftover.path for leftover in found}:
        for _, stat in files(path) if path.is_dir() else [(path, path.stat())]:
            links[inode(stat)], sizes[inode(stat)] = stat.st_nlink, stat.st_size
            gone[inode(stat)] += 1
    return sum(sizes[file] for file, count in gone.items() if count >= links[file])


def remove(found: Sequence[Leftover]) -> int:
    """Removes leftovers, but none of a run or stage that a process has taken up since; returns the bytes freed."""
    before = freed(found)
    left: list[Leftover] = []
    for owner in dict.fromkeys(leftover.owner for leftover in found):
        own = [leftover for leftover in found if leftover.owner == owner]
        left += remove_stages(own) if (owner / stages.TAG).exists() else remove_of_run(owner, own)
    return before - freed(left)


def remove_of_run(run: Path, found: Sequence[Leftover]) -> Sequence[Leftover]:
    """Removes them unless somebody is at work there; returns those that stay."""
    try:
        with filelock.FileLock(run / ".lock", timeout=0):
            if stages_at_work(run):
                return found
            for leftover in found:  # weights first: without them a stage is not finished
                shutil.rmtree(leftover.path) if leftover.path.is_dir() else leftover.path.unlink(
                    missing_ok=True
                )
    except filelock.Timeout:
        return found
    return []


def remove_stages(found: Sequence[Leftover]) -> list[Leftover]:
    """Removes stages of a store that nobody takes just now, each in one step; returns those that stay."""
    left = []
    for leftover in found:
        away = leftover.path.with_name(
            f"{stages.UNFINISHED}{leftover.path.name.removeprefix(stages.UNFINISHED)}"
        )
        try:
            with filelock.FileLock(lock_of(leftover.path), timeout=0):
                shutil.rmtree(leftover.path.rename(away))  # the lock's file stays: others may wait for it
        except filelock.Timeout:
            left.append(leftover)
    return left
