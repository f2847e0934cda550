"""Tasks of a run, each done as soon as those before it are: in this process, in several, or on a Dask cluster.

A task is a function of a module, so that another process can import it. What tasks give each other lies in the
run's folder; nothing is sent back.
"""

import importlib.util
import os
import socket
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import joblib

from tfsergan import processes
from tfsergan.errors import TfserganError, UsageError

if TYPE_CHECKING:
    import distributed

LOOK = 0.5  # s between two looks at how far tasks are
ATTEMPTS = 3  # of a task whose process died
ANSWER = 10  # s that a scheduler may take to answer
MEMORY_A_JOB = 4 * 2**30  # bytes that a process takes, about


@dataclass(frozen=True)
class Task:
    """A piece of work that may be done anywhere once other pieces are done.

    Args:
        name: unlike that of any other task of a run.
        work: a function of a module, called with the run and `args`.
        args: picklable.
        after: names of the tasks that come first.
    """

    name: str
    work: Callable[..., None]
    args: tuple[Any, ...] = ()
    after: frozenset[str] = frozenset()


Call = Callable[[Task], Any]
"""Does one task; picklable, and so is what it returns."""

Watch = Callable[[], None]
"""Called now and then while tasks are under way elsewhere."""

Finish = Callable[[Task, Any], None]
"""Called with a finished task and what its call returned."""


@dataclass
class InProcess:
    """Does tasks in this process, one after another.

    Args:
        threads: of this process; sums over several differ in the last bits from sums over one.
    """

    threads: int = 1
    jobs = 1
    elsewhere = False
    fewest = 0

    def run(self, tasks: Sequence[Task], call: Call, watch: Watch, finish: Finish) -> None:
        """Does all tasks, none before those that it comes after."""
        for task in in_order(tasks):
            finish(task, call(task))


@dataclass
class Processes:
    """Does tasks in processes of this machine.

    Args:
        jobs: how many at a time.
        threads: of each of them.
    """

    jobs: int
    threads: int = 1
    elsewhere = True
    fewest = 2

    def run(self, tasks: Sequence[Task], call: Call, watch: Watch, finish: Finish) -> None:
        """As of `InProcess`; a task whose process dies is done again, in new processes.

        Raises:
            TfserganError: a process died `ATTEMPTS` times.
        """
        left = Ready(tasks)
        deaths: Counter[str] = Counter()
        while True:
            try:
                with self.executor() as executor:
                    left.run(executor.submit, call, watch, finish)
                return
            except processes.BrokenProcessPool as error:
                deaths.update(left.lost)
                if max(deaths.values(), default=ATTEMPTS) >= ATTEMPTS:
                    raise TfserganError(
                        f"A process that worked on {', '.join(left.lost)} died {ATTEMPTS} times "
                        f"({str(error).splitlines()[0]}). If memory ran short, the same command with fewer --jobs "
                        "goes on."
                    ) from error

    @contextmanager
    def executor(self) -> Iterator[Executor]:
        pool = processes.pool(self.jobs, set_up, (self.threads,), thread_limits(self.threads))
        try:
            yield pool
        except BaseException:
            pool.shutdown(wait=True, kill_workers=True)
            raise
        pool.shutdown(wait=True)


@dataclass
class Cluster:
    """Does tasks on a running Dask cluster, whose workers see the run's folder under the same path.

    Args:
        address: of its scheduler, such as "tcp://host:8786".
        threads: of each worker.
    """

    address: str
    threads: int = 1
    elsewhere = True
    fewest = 1  # what calls it may be a login node

    @property
    def workers(self) -> int:
        """How many the cluster has now."""
        with self.client() as client:
            return len(client.scheduler_info(n_workers=-1)["workers"])

    @property
    def jobs(self) -> int:
        """Workers that the cluster has now, at least one."""
        return max(1, self.workers)

    def run(self, tasks: Sequence[Task], call: Call, watch: Watch, finish: Finish) -> None:
        """As of `InProcess`; a task whose worker dies is done again by another, as often as the cluster allows.

        Raises:
            TfserganError: a task's workers died more often.
        """
        from distributed.scheduler import KilledWorker

        left = Ready(tasks)
        with self.client() as client, client.get_executor(pure=False) as executor:
            try:
                left.run(partial(executor.submit, in_worker, self.threads), call, watch, finish)
            except KilledWorker as error:
                raise TfserganError(
                    f"Workers died again and again at {', '.join(left.lost)}: see their logs. The same command goes on."
                ) from error

    def client(self) -> "distributed.Client":
        """A connection to the scheduler.

        Raises:
            UsageError: the extra `distributed` is not installed, or nobody answers at the address.
        """
        if importlib.util.find_spec("distributed") is None:
            raise UsageError('--scheduler needs Dask: pip install "tfsergan[distributed]".')
        from distributed import Client

        try:
            return Client(self.address, timeout=ANSWER, set_as_default=False)
        except (OSError, ValueError) as error:
            raise UsageError(
                f"--scheduler {self.address}: no Dask scheduler answers there ({error}). `dask scheduler` starts "
                "one, `dask worker ADDRESS --nthreads 1` a worker."
            ) from error


Engine = InProcess | Processes | Cluster
"""Does tasks; `elsewhere` or in this process, and elsewhere only where there are `fewest` of them."""


def choose(jobs: int | None = None, threads: int = 1, scheduler: str | None = None) -> Engine:
    """What does the tasks: a cluster if one is named, else `jobs` processes; by default one a core, one on a GPU."""
    if scheduler:
        return Cluster(scheduler, threads)
    if jobs is None:
        import tensorflow as tf

        on_gpu = tf.config.list_physical_devices("GPU")
        jobs = 1 if on_gpu else max(1, min(joblib.cpu_count() // threads, memory() // MEMORY_A_JOB))
    return Processes(jobs, threads) if jobs > 1 else InProcess(threads)


def memory() -> int:
    """Bytes of memory that this process may use, such as those of its Slurm job; very many where that is not known."""
    try:
        whole = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        whole = 2**60
    return min([whole, *memory_limits()])


def memory_limits(system: Path = Path("/")) -> Iterator[int]:
    """The limits of this process's control groups under Linux, of version 1 and 2.

    Args:
        system: the root of the file system.
    """
    try:
        lines = (system / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, group = line.split(":", 2)
        if controllers not in ("", "memory"):
            continue
        top, name = system / "sys/fs/cgroup" / controllers, "limit_in_bytes" if controllers else "max"
        own = top / group.lstrip("/")
        for folder in (own, *own.parents[: len(own.parts) - len(top.parts)]):  # a parent may set it
            with suppress(OSError, ValueError):  # "max" is no limit
                yield int((folder / f"memory.{name}").read_text(encoding="utf-8"))


class Ready:
    """Hands out tasks as they become ready.

    Attributes:
        lost: names of those that were under way when handing out ended.
    """

    def __init__(self, tasks: Sequence[Task]):
        self.waiting = {task.name: task for task in in_order(tasks)}
        self.under_way: dict[Future, Task] = {}
        self.lost: list[str] = []

    def run(self, submit: Callable[[Call, Task], Future], call: Call, watch: Watch, finish: Finish) -> None:
        """Submits what is ready until all is done; the first failure ends it."""
        self.waiting |= {task.name: task for task in self.under_way.values()}  # of a pool that broke
        self.under_way = {}
        try:
            while self.waiting or self.under_way:
                self.hand_out(submit, call)
                done, _ = wait(self.under_way, timeout=LOOK, return_when=FIRST_COMPLETED)
                watch()
                for future in done:
                    result = future.result()
                    finish(self.under_way.pop(future), result)
        finally:
            self.lost = sorted(task.name for task in self.under_way.values())
            for future in self.under_way:
                future.cancel()

    def hand_out(self, submit: Callable[[Call, Task], Future], call: Call) -> None:
        before = self.waiting.keys() | {task.name for task in self.under_way.values()}
        for task in [task for task in self.waiting.values() if not task.after & before]:
            self.under_way[submit(call, self.waiting.pop(task.name))] = task


def in_order(tasks: Sequence[Task]) -> list[Task]:
    """The tasks, each after those it waits for among them.

    Raises:
        ValueError: two of one name, or tasks that wait for each other.
    """
    by_name = {task.name: task for task in tasks}
    if len(by_name) < len(tasks):
        raise ValueError(f"two tasks of one name among {sorted(task.name for task in tasks)}")
    waits_for = {task.name: sorted(task.after & by_name.keys()) for task in tasks}
    try:
        return [by_name[name] for name in TopologicalSorter(waits_for).static_order()]
    except CycleError as error:
        raise ValueError(f"tasks wait for each other: {error.args[1]}") from error


def in_worker(threads: int, call: Call, task: Task) -> Any:
    """Does a task in a worker of a Dask cluster."""
    from distributed import get_worker

    if get_worker().state.nthreads != 1:
        raise TfserganError(
            f"The Dask worker on {socket.gethostname()} runs several tasks at a time in one process: start workers "
            "with --nthreads 1 (and as many --nworkers as wanted)."
        )
    set_up(threads)
    return call(task)


def thread_limits(threads: int) -> dict[str, str]:
    """Environment of a process whose libraries take so many threads."""
    names: tuple[str, ...] = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    names += ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
    return dict.fromkeys(names, str(threads)) | {"TF_CPP_MIN_LOG_LEVEL": "3"}


def set_up(threads: int) -> None:
    """Starts TensorFlow in this process with so many threads, deterministic; once.

    Raises:
        TfserganError: it has been started with another number.
    """
    import threadpoolctl

    os.environ.update(thread_limits(threads))
    threadpoolctl.threadpool_limits(threads)
    import_tensorflow(threads)
    import tensorflow as tf

    from tfsergan import training

    if tf.config.threading.get_intra_op_parallelism_threads() not in (0, threads):
        raise TfserganError(
            f"This process on {socket.gethostname()} has begun with another number of threads than {threads}: "
            "results would differ in their last digits. Start it anew (a cluster: restart its workers)."
        )

    training.deterministic()


def import_tensorflow(threads: int | None = None) -> None:
    """Imports TensorFlow without the lines that its libraries write straight to standard error meanwhile.

    Args:
        threads: that an operation may take: sums over several threads differ in the last bits from sums over one.
            None leaves it as it is.
    """
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as kept:
        os.dup2(kept.fileno(), 2)
        try:
            import tensorflow as tf

            if threads:
                with suppress(RuntimeError):  # a process that has used TensorFlow keeps what it has
                    tf.config.threading.set_intra_op_parallelism_threads(threads)
                    tf.config.threading.set_inter_op_parallelism_threads(threads)
            for gpu in tf.config.list_physical_devices("GPU"):
                with suppress(RuntimeError):
                    tf.config.experimental.set_memory_growth(gpu, True)  # several processes share it
            tf.constant(0)  # looks for devices
            tf.get_logger().setLevel("ERROR")
        except BaseException:
            kept.seek(0)
            os.write(stderr, kept.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
