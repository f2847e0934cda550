"""Kills, full and read-only disks, clocks that leap, two processes on one folder, workers that die: the run goes on.

Each test ends with the same results as an undisturbed run; `tests/torture.py` has the run and the kills.
"""

import contextlib
import importlib.util
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs SIGKILL, /proc and mounts"),
]

_spec = importlib.util.spec_from_file_location("torture", Path(__file__).with_name("torture.py"))
torture = importlib.util.module_from_spec(_spec)
sys.modules["torture"] = torture  # dataclasses look there
_spec.loader.exec_module(torture)

CHECKPOINTS = "a checkpoint is in place, the one before is not deleted"


@pytest.fixture(scope="module")
def job(tmp_path_factory) -> Iterator["torture.Job"]:
    job = torture.Job(tmp_path_factory.mktemp("torture"))
    yield job
    job.end()


@pytest.fixture(scope="module")
def undisturbed(job) -> dict[str, str]:
    return job.undisturbed()


def one_message(folder: Path) -> str:
    """What a failed run said: one message, without a traceback, that names a file of the run."""
    said = torture.said(folder)
    assert re.findall("^Error: ", said, re.MULTILINE) == ["Error: "], said
    assert said.startswith("Error: "), said
    assert "Traceback" not in said, said
    assert "should not happen" not in said, said
    assert str(folder) in said, said
    return said


def same(folder: Path, undisturbed: dict[str, str], name: Path | None = None) -> bool:
    """Whether a run that went on left what an undisturbed one leaves."""
    (folder / "mark").unlink(missing_ok=True)
    assert torture.different(torture.left_by(folder, name), undisturbed) == []
    return True


@pytest.mark.parametrize("jobs", [1, 2])
def test_killed_again_and_again_it_ends_as_if_undisturbed(tmp_path, jobs):
    job = torture.Job(tmp_path, jobs)
    try:
        tally = torture.torture(job, kills=4, seed=jobs)
    finally:
        job.end()
    assert tally.faults == []
    assert sum(tally.kills.values()) == 4


def test_two_processes_in_one_folder(job, undisturbed, tmp_path):
    first = job.start(tmp_path)
    assert torture.seen("out/run.toml", tmp_path, first)
    second = tmp_path / "second"
    second.mkdir()
    for name in ("out", "data"):
        (second / name).symlink_to(tmp_path / name)
    assert job.finish(second) == 1
    assert "another tfsergan process is at work in this folder" in one_message(second)
    shutil.rmtree(second)
    assert first.wait(torture.TOO_LONG) == 0
    assert same(tmp_path, undisturbed)


def test_clocks_that_leap_and_files_of_any_age(job, undisturbed, tmp_path):
    code = job.finish(tmp_path, TORTURE_CLOCK="1", **torture.at(CHECKPOINTS, tmp_path / "mark"))
    assert code == -signal.SIGKILL
    assert len(list(tmp_path.glob("out/models/*/*/checkpoint/*.index"))) == 2
    rng, now = random.Random(0), time.time()
    for path in tmp_path.rglob("*"):
        when = now + rng.choice((-1, 1)) * rng.uniform(0, 3e8)
        os.utime(path, (when, when))
    assert job.finish(tmp_path, TORTURE_CLOCK="1") == 0
    assert same(tmp_path, undisturbed)


# ---- disks --------------------------------------------------------------------------------------------------


class Disks:
    """Mounts that this test's runs alone see, in a mount namespace of their own.

    Attributes:
        within: a command that runs another there.
        root: where this process sees the files as they are there.
    """

    def __init__(self, holder: subprocess.Popen, within: list[str]):
        self.within, self.root = within, Path(f"/proc/{holder.pid}/root")

    def mount(self, *words: object) -> None:
        subprocess.run([*self.within, "mount", *map(str, words)], check=True, capture_output=True)

    def of(self, folder: Path) -> Path:
        return self.root / folder.relative_to("/")


@pytest.fixture
def disks(tmp_path) -> Iterator[Disks]:
    """Skips the test where no tmpfs can be mounted."""
    as_root = [] if os.geteuid() == 0 else ["--map-root-user"]
    if not shutil.which("unshare") or not shutil.which("nsenter"):
        pytest.skip("unshare and nsenter of util-linux are not installed")
    holder = subprocess.Popen(["unshare", "--mount", *as_root, "sleep", "7200"], stderr=subprocess.DEVNULL)
    try:
        while holder.poll() is None and Path(f"/proc/{holder.pid}/comm").read_text() != "sleep\n":
            time.sleep(0.01)  # before, mounts would be everybody's
        user = ["--user", "--preserve-credentials"] if as_root else []
        found = Disks(holder, ["nsenter", f"--target={holder.pid}", "--mount", *user])
        (tmp_path / "out").mkdir()
        with contextlib.suppress(subprocess.CalledProcessError):
            found.mount("-t", "tmpfs", "-o", "size=16k", "tmpfs", tmp_path / "out")
            yield found
            return
        pytest.skip("no tmpfs can be mounted here")
    finally:
        holder.kill()
        holder.wait()


def resized(disks: Disks, folder: Path, size: int) -> None:
    disks.mount("-o", f"remount,size={size}", folder)


def test_a_full_disk(job, undisturbed, tmp_path, disks):
    """It fills as scalers, checkpoints and weights are written, then with 8 KiB left once there are results."""
    out = tmp_path / "out"
    for kib in (16, 400, 3_000, 6_000):
        resized(disks, out, kib << 10)
        assert job.finish(tmp_path, within=disks.within) == 1
        assert re.search(r"No space left|space|written", one_message(tmp_path)), torture.said(tmp_path)
    resized(disks, out, 100 << 20)
    results = torture.at("results are appended", tmp_path / "mark", nth=1)
    assert job.finish(tmp_path, within=disks.within, **results) == -signal.SIGKILL
    used = os.statvfs(disks.of(out))
    resized(disks, out, (used.f_blocks - used.f_bfree) * used.f_frsize + (8 << 10))
    assert job.finish(tmp_path, within=disks.within) == 1
    one_message(tmp_path)
    resized(disks, out, 100 << 20)
    assert job.finish(tmp_path, within=disks.within) == 0
    assert same(disks.of(tmp_path), undisturbed, tmp_path)


def test_a_full_disk_for_prepared_corpora(job, undisturbed, tmp_path, disks):
    resized(disks, tmp_path / "out", 100 << 20)
    (tmp_path / "data").mkdir()
    disks.mount("-t", "tmpfs", "-o", "size=16k", "tmpfs", tmp_path / "data")
    for kib in (16, 1_000):
        resized(disks, tmp_path / "data", kib << 10)
        assert job.finish(tmp_path, within=disks.within) == 1
        assert "--data-dir" in one_message(tmp_path)
    resized(disks, tmp_path / "data", 100 << 20)
    assert job.finish(tmp_path, within=disks.within) == 0
    assert same(disks.of(tmp_path), undisturbed, tmp_path)


def test_a_read_only_folder(job, undisturbed, tmp_path, disks):
    """New, and again in the middle of a run."""
    out = tmp_path / "out"
    disks.mount("-o", "remount,ro,size=100m", out)
    assert job.finish(tmp_path, within=disks.within) == 1
    assert "Read-only" in one_message(tmp_path)
    disks.mount("-o", "remount,rw", out)
    checkpoint = torture.at(CHECKPOINTS, tmp_path / "mark")
    assert job.finish(tmp_path, within=disks.within, **checkpoint) == -signal.SIGKILL
    disks.mount("-o", "remount,ro", out)
    assert job.finish(tmp_path, within=disks.within) == 1
    assert "Read-only" in one_message(tmp_path)
    disks.mount("-o", "remount,rw", out)
    assert job.finish(tmp_path, within=disks.within) == 0
    assert same(disks.of(tmp_path), undisturbed, tmp_path)


# ---- a cluster ----------------------------------------------------------------------------------------------


@pytest.fixture
def cluster(tmp_path) -> Iterator[str]:
    """The address of a Dask scheduler with two workers, processes of their own that may die."""
    pytest.importorskip("distributed", reason="needs the extra `distributed`")
    address = tmp_path / "scheduler.json"
    dying = torture.at("a result's line is half written", tmp_path / "mark", nth=1)
    options = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": torture.ROOT}
    scheduler = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--port=0", "--no-dashboard"]
    worker = [
        sys.executable,
        "-m",
        "distributed.cli.dask_worker",
        "--nthreads=1",
        "--nworkers=2",
        "--no-dashboard",
    ]
    file = f"--scheduler-file={address}"
    started = [
        subprocess.Popen([*scheduler, file], env=torture.environment(), **options),
        subprocess.Popen([*worker, file], env=torture.environment(**dying), **options),
    ]
    try:
        for _ in range(600):
            if address.exists() and (
                found := re.search(r"tcp://[\d.:]+", address.read_text(encoding="utf-8"))
            ):
                yield found.group()
                return
            time.sleep(0.1)
        pytest.fail("no scheduler started")
    finally:
        for process in reversed(started):
            process.terminate()  # a nanny ends its workers
            process.wait(60)


def test_a_dask_worker_dies_in_the_middle_of_a_cell(job, undisturbed, tmp_path, cluster):
    folder = tmp_path / "run"
    assert job.finish(folder, "--scheduler", cluster) == 0, torture.said(folder)
    assert (tmp_path / "mark").exists()  # it did die
    assert same(folder, undisturbed)
