"""Training stages that runs share: each is trained once and linked into every run that needs it.

A store is a folder with a folder a stage, named by the stage's digest (`tfsergan.fingerprint`): weights, number of
epochs, best weights, TensorBoard logs, and `stage.json`, which says what they are. A run's own folder gets hard links
of these files (copies where the disk has no links), so that it is whole without the store.
"""

import contextlib
import errno
import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import filelock

from tfsergan.errors import UsageError
from tfsergan.files import checksum, replacing, write_atomically

if TYPE_CHECKING:
    from tfsergan.fingerprint import Fingerprint

FOLDER = "stages"  # of the store, beside the runs' folders
STAGE = "stage.json"  # what a stage is: in the store, and in a run
WEIGHTS = "weights.weights.h5"  # the last file of a finished stage
EPOCHS = "epochs.txt"
BEST = "best-*"
CHECKPOINT = "checkpoint"
LOGS = "events.out.tfevents.*"
LOG = "log"  # TensorBoard logs in the store
LOCKS = ".locks"
UNFINISHED = ".unfinished-"
TAG = "CACHEDIR.TAG"
TAG_TEXT = (
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# Training stages that tfsergan's runs share; `tfsergan runs clean` frees those that no run needs.\n"
)


@dataclass(frozen=True)
class Stages:
    """The store, as one run uses it.

    Args:
        folder: of the store.
        run: folder of the run, to say whose stage another run has reused.
    """

    folder: Path
    run: Path

    @contextlib.contextmanager
    def claimed(
        self, stage: "Fingerprint | None", folder: Path, log_dir: Path | None, wait: Callable[[int], None]
    ) -> Iterator[bool]:
        """Whether a stage could be reused; if not, the caller trains it, and it is put into the store at the end.

        While one process trains a stage, any other that needs the same one waits here.

        Args:
            stage: what is needed; None where that can't be told: then it is trained and not shared.
            folder: of the stage in the run: gets the files of a stage that is reused, and is ready for training
                otherwise, without a checkpoint of another stage.
            log_dir: of the stage in the run.
            wait: called with 0 before waiting, with 1 after it.
        """
        with self.alone(stage, wait) as usable:
            if stage and usable and self.take(stage, folder, log_dir):
                yield True
                return
            same = begin(stage, folder, log_dir, str(self.run))
            yield False
            if stage and usable and same:
                self.put(stage, folder, log_dir)

    @contextlib.contextmanager
    def alone(self, stage: "Fingerprint | None", wait: Callable[[int], None]) -> Iterator[bool]:
        """Keeps others from a stage; false where the store can't be written, which is no reason not to train."""
        if stage is None:
            yield False
            return
        waited = False
        try:
            prepare(self.folder)
            lock = filelock.FileLock(self.folder / LOCKS / stage.digest, mode=0o664)  # a group's store
            try:
                lock.acquire(timeout=0)
            except filelock.Timeout:
                wait(0)
                waited = True
                lock.acquire()
        except OSError:
            yield False
            return
        try:
            if waited:
                wait(1)
            yield True
        finally:
            lock.release()

    def take(self, stage: "Fingerprint", folder: Path, log_dir: Path | None) -> bool:
        """Links a stage of the store into a run, the weights last; false where there is none, or a damaged one."""
        entry = self.folder / stage.digest
        told = read(entry)
        if not told:
            return False
        if not whole(entry, told):
            shutil.rmtree(entry, ignore_errors=True)
            return False
        try:
            clear(folder, log_dir)
            for name in sorted(told["files"], key=lambda name: name == WEIGHTS):
                within, _, file = name.rpartition("/")
                if within != LOG:
                    if file == WEIGHTS:
                        write(folder, {**described(stage), "trained_by": told["trained_by"], "reused": True})
                    link(entry / name, folder / file)
                elif log_dir:
                    link(entry / name, log_dir / file)
        except OSError:
            clear(folder, log_dir)
            return False
        return True

    def put_finished(self, folder: Path, log_dir: Path | None) -> None:
        """Puts a finished stage of a run into the store, if its run was killed between finishing and doing so."""
        from tfsergan.fingerprint import Fingerprint

        told = read(folder)
        stage = Fingerprint(told.get("parts", {}))
        entry = self.folder / stage.digest
        if told.get("reused") or told.get("digest") != stage.digest or entry.exists():
            return
        with self.alone(stage, lambda done: None) as usable:
            if usable and not entry.exists():
                self.put(stage, folder, log_dir)

    def put(self, stage: "Fingerprint", folder: Path, log_dir: Path | None) -> None:
        """Links a finished stage of a run into the store, whole or not at all; without room it stays the run's alone."""
        files = {path.name: path for path in files_of(folder)}
        files |= {f"{LOG}/{path.name}": path for path in sorted(log_dir.glob(LOGS))} if log_dir else {}
        entry = self.folder / f"{UNFINISHED}{stage.digest}-{uuid.uuid4().hex[:8]}"
        try:
            for name, path in files.items():
                link(path, entry / name)
            sums = {name: checksum(path) for name, path in files.items()}
            write(entry, {**described(stage), "trained_by": str(self.run), "files": sums})
            entry.rename(self.folder / stage.digest)
        except OSError:
            shutil.rmtree(entry, ignore_errors=True)


def prepare(folder: Path) -> None:
    """Makes a store, or checks that a folder is one.

    Raises:
        OSError: it can't be made, or is a folder of something else.
    """
    if (folder / TAG).exists():
        return
    if folder.is_dir() and any(not path.name.startswith(".") for path in folder.iterdir()):
        raise OSError(f"{folder}: not a store of training stages, and not empty")
    write_atomically(folder / TAG, TAG_TEXT.encode())


def open_store(folder: Path | None, run: Path) -> Stages | None:
    """The store of a run: in a folder of the user's choice, else `stages` beside the run's folder.

    None where that one can't be written, or is a folder of something else.

    Raises:
        UsageError: the chosen folder can't be one, or the run would lie in its store.
    """
    run = run.absolute()
    place = (folder or run.parent / FOLDER).absolute()
    if place.resolve() in (run.resolve(), *run.resolve().parents):
        raise UsageError(
            f"--out {run}: the run would lie in the folder of the shared stages, {place}. "
            "Name another --out, or another folder of stages: --stages FOLDER."
        )
    try:
        prepare(place)
        (place / LOCKS).mkdir(exist_ok=True)
        for needed in (place, place / LOCKS):
            if not os.access(needed, os.R_OK | os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, "not yours to write", str(needed))
    except OSError as error:
        if folder:
            raise UsageError(
                f"--stages {folder}: can't be used ({error}). Name another folder, or `--stages none`."
            ) from error
        return None
    return Stages(place, run)


def described(stage: "Fingerprint") -> dict[str, Any]:
    return {"digest": stage.digest, "parts": dict(stage.parts)}


def begin(stage: "Fingerprint | None", folder: Path, log_dir: Path | None, run: str) -> bool:
    """Makes a run's folder ready for a stage that is to be trained, and notes what it is.

    A checkpoint of another stage (of code or data that have changed since) is dropped. One of the same stage that was
    begun on another kind of machine goes on, but the result is no longer that of one machine: it is called "mixed",
    has no digest and is shared with nobody; so is one of which nothing is known.

    Returns: whether what is trained here from now on is this stage and nothing else.
    """
    there, begun = read(folder), any(folder.glob(f"{CHECKPOINT}/*")) or any(folder.glob(BEST))
    if stage is None:
        if there:
            write(folder, {})
        return False
    same = there.get("digest") == stage.digest
    if begun and not same and goes_on(there, stage):
        write(folder, {"parts": dict(stage.parts), "mixed": True})
        return False
    if not same:
        clear(folder, log_dir)
    write(folder, {**described(stage), "trained_by": run})
    return True


def goes_on(there: Mapping[str, Any], stage: "Fingerprint") -> bool:
    """Whether a checkpoint may go on as a stage of another digest: if no more than the machine is another."""
    known = there.get("parts")
    return not known or {**known, "machine": ""} == {**stage.parts, "machine": ""}


def clear(folder: Path, log_dir: Path | None) -> None:
    """Removes what a stage has left in a run: checkpoint, weights and logs."""
    shutil.rmtree(folder / CHECKPOINT, ignore_errors=True)
    for path in (*files_of(folder), folder / STAGE, *(log_dir.glob(LOGS) if log_dir else ())):
        path.unlink(missing_ok=True)


def files_of(folder: Path) -> list[Path]:
    """The files of a finished stage in a run, the weights first."""
    found = [folder / WEIGHTS, folder / EPOCHS, *sorted(folder.glob(BEST))]
    return [path for path in found if path.exists()]


def read(folder: Path) -> dict[str, Any]:
    """What a stage's folder says of itself, nothing where it says nothing that can be read."""
    try:
        told = json.loads((folder / STAGE).read_text(encoding="utf-8"))
        return told if isinstance(told, dict) else {}
    except (OSError, ValueError):
        return {}


def write(folder: Path, told: Mapping[str, Any]) -> None:
    write_atomically(folder / STAGE, (json.dumps(told, indent=1) + "\n").encode())


def whole(entry: Path, told: Mapping[str, Any]) -> bool:
    """Whether all files of a stage in the store are there as they were written."""
    try:
        return all(checksum(entry / name) == sum_ for name, sum_ in told["files"].items())
    except (OSError, KeyError, AttributeError):
        return False


def link(source: Path, target: Path) -> None:
    """A hard link of a file, or a copy where the disk has no links, whole or not at all.

    Raises:
        OSError: neither can be made.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        with replacing(target) as unfinished:
            shutil.copyfile(source, unfinished)


# ---- what a run has reused --------------------------------------------------------------------------------------------


def finished(run: Path) -> dict[Path, dict[str, Any]]:
    """The finished stages of a run: what each says of itself by its folder."""
    return {path.parent: read(path.parent) for path in sorted((run / "models").rglob(WEIGHTS))}


def reuse_text(before: Mapping[Path, Any], after: Mapping[Path, Mapping[str, Any]]) -> str:
    """How many of the stages that a run has now and had not before were reused, and whose; empty where none was."""
    new = [told for path, told in after.items() if path not in before]
    whose = [told["trained_by"] for told in new if told.get("reused")]
    if not whose:
        return ""
    owners = sorted(set(whose), key=lambda name: (-whose.count(name), name))
    shown = [f"{whose.count(name)} of {nearby(name)}" for name in owners]
    names = nearby(owners[0]) if len(owners) == 1 else ", ".join(shown)
    return f"reused {len(whose)} of {len(new)} training stages{' of ' if len(owners) == 1 else ': '}{names}"


def nearby(folder: str) -> str:
    """A folder as seen from where one is, if it lies below; else as it is."""
    with contextlib.suppress(ValueError):
        return str(Path(folder).relative_to(Path.cwd()))
    return folder
