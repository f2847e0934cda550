"""Tensors to tf.data, training with exact resume, TensorBoard and progress.

A stage (one model trained by one schedule) lives in a folder: `checkpoint/` while it runs,
`weights.weights.h5` once it is finished. Data order is a pure function of seed and epoch, and a checkpoint
holds every variable that moves, so that a stage killed anywhere ends bit for bit where an undisturbed one does.
Runs may share their finished stages (`tfsergan.stages`).
"""

import contextlib
import json
import math
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import filelock
import keras
import numpy as np
import tensorflow as tf

from tfsergan import fingerprint
from tfsergan.errors import TfserganError
from tfsergan.files import write_atomically
from tfsergan.progress import Report, silent
from tfsergan.ragged import Ragged
from tfsergan.rows import gather, lend
from tfsergan.stages import CHECKPOINT, EPOCHS, WEIGHTS, Stages

OVERHEAD = 2.0  # a training step's time over that of its matrix products alone


def steps_an_epoch(smallest: int, batch_size: int) -> int:
    """Full batches of the smallest set, at least one."""
    return max(1, smallest // batch_size)


def epochs_of(steps: int, epochs: int, updates: int) -> int:
    """The epochs of so many steps that come nearest to so many updates, at least one; `epochs` where these are 0."""
    return max(1, round(updates / steps)) if updates else epochs


class Batches:
    """Batches drawn from arrays, in an order that depends on the seed and the epoch's number alone.

    Args:
        steps: batches in an epoch.
    """

    def __init__(self, steps: int):
        self.steps = steps

    def epoch(self, epoch: tf.Tensor) -> tf.data.Dataset:
        """The row numbers of one epoch's batches."""
        raise NotImplementedError

    def gather(self, *rows: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """The tensors of one batch, from its row numbers."""
        raise NotImplementedError

    def dataset(self, first_epoch: int, epochs: int) -> tf.data.Dataset:
        """The batches of epochs `first_epoch` to `epochs` - 1."""
        options = tf.data.Options()
        options.autotune.enabled = False  # its thread holds up the end of every fit by seconds
        batches = tf.data.Dataset.range(first_epoch, epochs).map(lambda epoch: tf.cast(epoch, tf.int32))
        return batches.flat_map(self.epoch).map(self.gather).prefetch(2).with_options(options)


class Unpaired(Batches):
    """Batches of source vectors (B, D) beside as many target vectors of each emotion (E, B, D), drawn independently.

    An epoch is as many steps as the smallest of the sets has full batches, at least one.

    Args:
        source: (n, D) unlabelled vectors.
        targets: one (n_i, D) array an emotion.
        batch_size: vectors of each set in a step; a smaller set starts over.
        seed: of the order.
    """

    def __init__(self, source: np.ndarray, targets: Sequence[np.ndarray], batch_size: int, seed: int):
        self.sizes = [len(source), *(len(target) for target in targets)]
        if min(self.sizes) == 0:
            raise TfserganError(f"no vectors to train on: sets of {self.sizes} (source, then one an emotion)")
        super().__init__(steps_an_epoch(min(self.sizes), batch_size))
        self.source, self.targets = lend(source), lend(np.concatenate(targets))
        self.offsets = np.cumsum([0, *self.sizes[1:-1]])[:, None]  # (E, 1)
        self.batch_size = batch_size
        self.seed = seed

    def epoch(self, epoch: tf.Tensor) -> tf.data.Dataset:
        rows = []
        for i, size in enumerate(self.sizes):
            order = tf.random.experimental.stateless_shuffle(tf.range(size), tf.stack([self.seed + i, epoch]))
            rows.append(tf.gather(order, np.arange(self.steps * self.batch_size) % size))
        rows = tf.reshape(tf.stack(rows), (-1, self.steps, self.batch_size))
        rows = tf.transpose(rows, (1, 0, 2))  # (steps, 1 + E, B)
        return tf.data.Dataset.from_tensor_slices((rows[:, 0], rows[:, 1:] + self.offsets.astype(np.int32)))

    def gather(self, source: tf.Tensor, targets: tf.Tensor) -> tuple[tf.Tensor, ...]:
        return gather(self.source, source), gather(self.targets, targets)


class Labelled(Batches):
    """Batches of vectors (B, D) and their labels (B,); an epoch is all of them once, the last batch is smaller.

    Args:
        x: (n, D) vectors.
        y: (n,) integers.
        batch_size: vectors in a step.
        seed: of the order.
    """

    def __init__(self, x: np.ndarray, y: np.ndarray, batch_size: int, seed: int):
        if not len(x):
            raise TfserganError("no vectors to train on")
        super().__init__(math.ceil(len(x) / batch_size))
        self.x, self.y = tf.constant(x, tf.float32), tf.constant(y, tf.int32)
        self.batch_size = batch_size
        self.seed = seed

    def epoch(self, epoch: tf.Tensor) -> tf.data.Dataset:
        order = tf.random.experimental.stateless_shuffle(
            tf.range(self.x.shape[0]), tf.stack([self.seed, epoch])
        )
        return tf.data.Dataset.from_tensor_slices(order).batch(self.batch_size)

    def gather(self, rows: tf.Tensor) -> tuple[tf.Tensor, ...]:
        return tf.gather(self.x, rows), tf.gather(self.y, rows)


class Utterances(Batches):
    """Batches of frames (B, T, D) with labels (B,) of each kind, all of one length: `Ragged.fixed`.

    Frames are kept once, as long as they are, in half precision; their length is made as a batch is drawn. An epoch
    is all utterances once, the last batch is smaller.

    Args:
        x: n utterances.
        labels: (n,) integers each, such as emotions and speakers.
        length: T.
        batch_size: utterances in a step.
        seed: of the order.
    """

    def __init__(self, x: Ragged, labels: Sequence[np.ndarray], length: int, batch_size: int, seed: int):
        if not len(x):
            raise TfserganError("no utterances to train on")
        super().__init__(math.ceil(len(x) / batch_size))
        self.frames = tf.constant(x.values, tf.float16)
        self.starts, self.lengths = tf.constant(x.starts, tf.int32), tf.constant(x.lengths, tf.int32)
        self.labels = [tf.constant(y, tf.int32) for y in labels]
        self.length, self.batch_size, self.seed = length, batch_size, seed

    def epoch(self, epoch: tf.Tensor) -> tf.data.Dataset:
        order = tf.random.experimental.stateless_shuffle(
            tf.range(self.lengths.shape[0]), tf.stack([self.seed, epoch])
        )
        return tf.data.Dataset.from_tensor_slices(order).batch(self.batch_size)

    def gather(self, rows: tf.Tensor) -> tuple[tf.Tensor, ...]:
        lengths = tf.gather(self.lengths, rows)[:, None]  # (B, 1)
        first = tf.maximum(lengths - self.length, 0) // 2
        where = tf.gather(self.starts, rows)[:, None] + (first + tf.range(self.length)) % lengths
        x = tf.cast(tf.gather(self.frames, where), tf.float32)
        return x, *(tf.gather(y, rows) for y in self.labels)


class SourceAndTarget(Batches):
    """Batches of labelled source vectors beside unlabelled target vectors, drawn anew for each of several repeats.

    Gives source vectors (R, B, D), their labels (R, B) and target vectors (R, B, D). An epoch is as many steps as the
    rows of a repeat make full batches, at least one; the target starts over when it is through.

    Args:
        source: (n, D) vectors.
        labels: (n,) integers.
        target: (m, D) vectors.
        rows: (R, k) row numbers of the source, some of them several times, that make an epoch of each repeat.
        batch_size: vectors of each set in a step.
        seeds: of the order, one a repeat.
    """

    def __init__(
        self,
        source: np.ndarray,
        labels: np.ndarray,
        target: np.ndarray,
        rows: np.ndarray,
        batch_size: int,
        seeds: Sequence[int],
    ):
        if not (len(source) and len(target)):
            raise TfserganError(
                f"no vectors to train on: {len(source)} of the source, {len(target)} of the target"
            )
        super().__init__(steps_an_epoch(rows.shape[1], batch_size))
        self.source, self.target = tf.constant(source, tf.float32), tf.constant(target, tf.float32)
        self.labels = tf.constant(labels, tf.int32)
        self.rows = [tf.constant(row, tf.int32) for row in rows]
        self.batch_size = batch_size
        self.seeds = [seed % 2**30 for seed in seeds]  # the target's is the next number

    def epoch(self, epoch: tf.Tensor) -> tf.data.Dataset:
        rows = [self.order(row, seed, epoch) for row, seed in zip(self.rows, self.seeds, strict=True)]
        every = tf.range(self.target.shape[0])
        targets = [self.order(every, seed + 1, epoch) for seed in self.seeds]
        return tf.data.Dataset.from_tensor_slices((tf.stack(rows, axis=1), tf.stack(targets, axis=1)))

    def order(self, rows: tf.Tensor, seed: int, epoch: tf.Tensor) -> tf.Tensor:
        """The rows of each step (steps, B): shuffled, from the start again where they are too few."""
        shuffled = tf.random.experimental.stateless_shuffle(rows, tf.stack([seed, epoch]))
        wanted = np.arange(self.steps * self.batch_size) % rows.shape[0]
        return tf.reshape(tf.gather(shuffled, wanted), (self.steps, self.batch_size))

    def gather(self, rows: tf.Tensor, targets: tf.Tensor) -> tuple[tf.Tensor, ...]:
        return tf.gather(self.source, rows), tf.gather(self.labels, rows), tf.gather(self.target, targets)


class Patience:
    """Early stopping: a condition that is met once a measure has not fallen for so many epochs.

    Its memory is of the model's variables and so in its checkpoints.

    Args:
        model: in training.
        measure: name of what `train_step` measures.
        epochs: without a new lowest value.
        least: share by which a value must be below the lowest to count as new.
    """

    def __init__(self, model: keras.Model, measure: str, epochs: int, least: float):
        self.measure, self.epochs, self.least = measure, epochs, least
        self.lowest = keras.Variable(float(np.finfo(np.float32).max), trainable=False, name="lowest")
        self.waited = keras.Variable(0, trainable=False, dtype="int32", name="waited")
        model.patience = [self.lowest, self.waited]

    def __call__(self, epoch: int, logs: Mapping[str, float]) -> bool:
        if logs[self.measure] < float(self.lowest) * (1 - self.least):
            self.lowest.assign(logs[self.measure])
            self.waited.assign(0)
        else:
            self.waited.assign(self.waited + 1)
        return int(self.waited) >= self.epochs


def train(
    model: keras.Model,
    batches: Batches,
    epochs: int,
    folder: Path,
    *,
    task: str = "training",
    log_dir: Path | None = None,
    checkpoint_epochs: int = 50,
    stop: Callable[[int, Mapping[str, float]], bool] | None = None,
    keep_best: Mapping[str, Callable[[], float]] | None = None,
    stages: Stages | None = None,
    report: Report = silent,
) -> int:
    """Trains a compiled model for so many epochs in all, or finishes what an earlier call began.

    Args:
        model: has `networks`, a list, and `optimizers`, a dict by role.
        batches: what to train on.
        epochs: in all, those of an interrupted call counted in.
        folder: where the stage keeps its checkpoint and, once finished, its weights.
        task: its name in progress and errors.
        log_dir: TensorBoard logs.
        checkpoint_epochs: epochs between checkpoints.
        stop: given the number of finished epochs and what the last one measured, whether to end there.
        keep_best: scores of the model as it is, by a name; the weights after the epoch with the highest are kept, for
            `load_best`, the first of equals.
        stages: where runs share their stages: one that is there is not trained again, one that is not is put there.
        report: called after each epoch.

    Returns: the number of epochs that the model was trained for in all.

    Raises:
        TfserganError: a damaged checkpoint, a loss that is no longer finite, a folder that can't be written.
    """
    callbacks = [FiniteLosses(task), *([StopWhen(stop)] if stop else []), Progress(task, epochs, report)]
    callbacks += [TensorBoardLog(log_dir, model)] if log_dir else []
    callbacks += [KeepBest(model, folder, name, score) for name, score in (keep_best or {}).items()]
    how = (model, batches, epochs, folder, callbacks, checkpoint_epochs)
    with alone(folder):
        if not finished(folder):
            if stages is None:
                return fit(*how)
            stage = fingerprint.of_stage(model, batches, epochs, stop, keep_best, logged=log_dir is not None)
            waiting = f"{task}: waits for a run that trains the same"
            with stages.claimed(stage, folder, log_dir, lambda done: report(waiting, done, 1)) as reused:
                if not reused:
                    return fit(*how)
            report(task, epochs, epochs)
        elif stages:
            stages.put_finished(folder, log_dir)
    load_weights(model, folder)
    shutil.rmtree(folder / CHECKPOINT, ignore_errors=True)  # of a run killed just before it did this
    return epochs_trained(folder)


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Waits until no other process is at work on a stage: one of a cluster may outlive the run that sent it there.

    Raises:
        TfserganError: the folder can't be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(folder / ".lock").acquire()
    except OSError as error:
        raise TfserganError(
            f"{folder}: can't be written ({first_line(error)}). Free disk space or choose another --out."
        ) from error
    with lock:
        yield


def fit(
    model: keras.Model,
    batches: Batches,
    epochs: int,
    folder: Path,
    callbacks: Sequence[keras.callbacks.Callback],
    checkpoint_epochs: int,
) -> int:
    """Trains a stage that is not finished from its checkpoint on; returns its epochs in all."""
    for left in folder.glob(unfinished("*")):  # by a process that was killed as it wrote
        left.unlink()
    checkpoint = Checkpoint(model, folder / CHECKPOINT)
    first = checkpoint.restore()
    history = model.fit(
        batches.dataset(first, epochs),
        initial_epoch=first,
        epochs=epochs,
        steps_per_epoch=batches.steps,
        shuffle=False,
        verbose=0,
        callbacks=[*callbacks, SaveCheckpoint(checkpoint, checkpoint_epochs)],
    )
    trained = first + len(history.epoch)
    write_atomically(folder / EPOCHS, str(trained).encode())
    save_weights(model, folder)
    shutil.rmtree(folder / CHECKPOINT, ignore_errors=True)
    return trained


def epochs_trained(folder: Path) -> int:
    """For how many epochs a finished stage was trained.

    Raises:
        TfserganError: the stage's folder does not say.
    """
    try:
        return int((folder / EPOCHS).read_text())
    except (OSError, ValueError) as error:
        raise TfserganError(
            f"{folder / EPOCHS}: can't be read ({error}). Delete the folder {folder} and repeat the command: only "
            "this stage is trained again."
        ) from error


def finished(folder: Path) -> bool:
    """Whether a stage's folder holds its final weights."""
    return (folder / WEIGHTS).exists()


def save_weights(model: keras.Model, folder: Path) -> None:
    """Writes the weights of a model's networks whole or not at all; optimizers are left out.

    Raises:
        TfserganError: the folder can't be written.
    """
    write_weights(networks_of(model), folder / WEIGHTS)


def write_weights(networks: keras.Model, file: Path) -> None:
    """Writes weights whole or not at all.

    Raises:
        TfserganError: the folder can't be written.
    """
    temporary = file.with_name(unfinished(os.getpid()))
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        networks.save_weights(temporary)
        temporary.replace(file)
    except (OSError, RuntimeError) as error:
        raise TfserganError(
            f"{file}: can't be written ({first_line(error)}). Free disk space; the same command goes "
            "on from the last checkpoint."
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def unfinished(process: object) -> str:
    """Name of the file that a process writes weights to before they are whole."""
    return f"unfinished.{process}.weights.h5"


def load_weights(model: keras.Model, folder: Path) -> None:
    """Reads what `save_weights` wrote.

    Raises:
        TfserganError: the file is missing, damaged or of other networks.
    """
    try:
        networks_of(model).load_weights(folder / WEIGHTS)
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        raise TfserganError(
            f"{folder / WEIGHTS}: these weights can't be read ({first_line(error)}). "
            "Delete this file and repeat the command: only this stage is trained again."
        ) from error


def load_best(model: keras.Model, folder: Path, name: str) -> dict[str, float]:
    """Reads the weights that `train` kept for a score of this name; gives its `score` and `epoch`.

    Raises:
        TfserganError: a file is missing, damaged or of other networks.
    """
    weights, score = best_files(folder, name)
    try:
        found = json.loads(score.read_text(encoding="utf-8"))
        best = {key: float(found[key]) for key in ("score", "epoch")}
        networks_of(model).load_weights(weights)
        return best
    except (OSError, RuntimeError, ValueError, KeyError, TypeError) as error:
        raise TfserganError(
            f"{weights}: the best weights can't be read ({first_line(error)}). "
            f"Delete the folder {folder} and repeat the command: only this stage is trained again."
        ) from error


def best_files(folder: Path, name: str) -> tuple[Path, Path]:
    """Where the best weights by a score, and that score, are kept."""
    return folder / f"best-{name}.weights.h5", folder / f"best-{name}.json"


def networks_of(model: keras.Model) -> keras.Model:
    """A model of nothing but the networks of another, so that Keras saves no optimizer with them."""
    networks = keras.Model()
    networks.parts = model.networks
    networks.built = True
    return networks


class Checkpoint:
    """Everything of a model in training: weights, optimizer slots and counters, random states, the epoch."""

    def __init__(self, model: keras.Model, folder: Path):
        variables = fingerprint.variables_of(model)
        self.epoch = tf.Variable(0, dtype=tf.int64, trainable=False)
        self.state = tf.train.Checkpoint(variables=[v.value for v in variables], epoch=self.epoch)
        self.folder = folder

    def restore(self) -> int:
        """The number of finished epochs, 0 where there is no checkpoint."""
        saved = sorted(self.folder.glob("epoch-*.index"))
        if not saved:
            return 0
        try:
            self.state.read(str(saved[-1].with_suffix(""))).assert_consumed()
        except (tf.errors.OpError, ValueError, AssertionError, IndexError) as error:
            raise TfserganError(
                f"{saved[-1]}: this checkpoint is damaged or of another run ({first_line(error)}). Delete "
                f"the folder {self.folder} and repeat the command: this stage starts over, finished cells "
                "are kept."
            ) from error
        return int(self.epoch.numpy())

    def save(self, epoch: int) -> None:
        """Writes a checkpoint, then deletes those before it; the index file is written last."""
        self.epoch.assign(epoch)
        path, unfinished = self.folder / f"epoch-{epoch:06d}", self.folder / "unfinished"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.state.write(str(unfinished))
            for part in sorted(self.folder.glob("unfinished.*")):  # .data before .index
                part.replace(part.with_name(part.name.replace("unfinished", path.name)))
        except (tf.errors.OpError, OSError) as error:
            raise TfserganError(
                f"{path}: can't write a checkpoint ({first_line(error)}). Free disk space or choose another "
                "--out; the same command goes on from the last checkpoint."
            ) from error
        for old in self.folder.glob("epoch-*"):
            if not old.name.startswith(path.name):
                shutil.rmtree(old) if old.is_dir() else old.unlink()


class SaveCheckpoint(keras.callbacks.Callback):
    """Saves a checkpoint after every so many epochs; comes after the callbacks that may stop the training."""

    def __init__(self, checkpoint: Checkpoint, every: int):
        super().__init__()
        self.checkpoint = checkpoint
        self.every = every

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        # Not after the last epoch: resumed from there, a stage that a condition ended would go on.
        last = self.model.stop_training or epoch + 1 == self.params["epochs"]
        if (epoch + 1) % self.every == 0 and not last:
            self.checkpoint.save(epoch + 1)


class KeepBest(keras.callbacks.Callback):
    """Keeps the weights after the epoch with the highest score; comes before `SaveCheckpoint`.

    A resumed run repeats the epochs since its checkpoint with the same scores, none of them higher than the best one
    of those epochs that is kept already, so that it ends with the same weights as an undisturbed run.
    """

    def __init__(self, model: keras.Model, folder: Path, name: str, score: Callable[[], float]):
        super().__init__()
        self.networks, self.score = networks_of(model), score
        self.weights, self.file = best_files(folder, name)
        self.best = -math.inf

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        if self.file.exists():
            self.best = json.loads(self.file.read_text(encoding="utf-8"))["score"]

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        score = float(self.score())
        if score > self.best:
            self.best = score
            write_weights(self.networks, self.weights)
            write_atomically(self.file, json.dumps({"score": score, "epoch": epoch + 1}).encode())


class FiniteLosses(keras.callbacks.Callback):
    """Stops with an error when a loss is no longer finite, before that state is saved."""

    def __init__(self, task: str):
        super().__init__()
        self.task = task

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        bad = [name for name, value in (logs or {}).items() if not math.isfinite(value)]
        if bad:
            raise TfserganError(
                f"{self.task}: {', '.join(bad)} is no longer finite in epoch {epoch + 1}. "
                "Try a lower learning rate (--set) in another folder (--out)."
            )


class StopWhen(keras.callbacks.Callback):
    """Ends the training after an epoch that meets a condition."""

    def __init__(self, condition: Callable[[int, Mapping[str, float]], bool]):
        super().__init__()
        self.condition = condition

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        if self.condition(epoch + 1, logs or {}):
            self.model.stop_training = True


class Progress(keras.callbacks.Callback):
    """Reports finished epochs, at most some ten times a second."""

    def __init__(self, task: str, epochs: int, report: Report):
        super().__init__()
        self.task, self.epochs, self.report = task, epochs, report
        self.last = 0.0

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        if not self.last:
            self.last = time.monotonic()
            self.report(self.task, epoch, self.epochs)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        if time.monotonic() - self.last > 0.1 or epoch + 1 == self.epochs:
            self.last = time.monotonic()
            self.report(self.task, epoch + 1, self.epochs)

    def on_train_end(self, logs: Mapping[str, float] | None = None) -> None:
        if self.model.stop_training:
            self.report(self.task, self.epochs, self.epochs)


class TensorBoardLog(keras.callbacks.Callback):
    """Losses, discriminator outputs and learning rates of each epoch, in groups whose names sort in that order.

    A resumed run repeats the points since its checkpoint with the same values.
    """

    def __init__(self, log_dir: Path, model: keras.Model):
        super().__init__()
        self.log_dir, self.optimizers = log_dir, model.optimizers

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        self.writer = tf.summary.create_file_writer(str(self.log_dir))

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        with self.writer.as_default(step=epoch + 1):
            for name, value in (logs or {}).items():
                group = "outputs" if name.startswith("D_") else "losses"
                tf.summary.scalar(f"{group}/{name}", value)
            for role, optimizer in self.optimizers.items():
                tf.summary.scalar(f"schedule/learning_rate_{role}", optimizer.learning_rate)

    def on_train_end(self, logs: Mapping[str, float] | None = None) -> None:
        self.writer.close()


def curves(log_dir: Path) -> dict[str, np.ndarray]:
    """What `TensorBoardLog` wrote, by tag: one value an epoch, each epoch once; nothing where there is no log."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    if not log_dir.is_dir():
        return {}
    events = EventAccumulator(str(log_dir), {"tensors": 0})  # 0: all of them
    events.Reload()
    found = {}
    for tag in events.Tags()["tensors"]:
        by_epoch = {event.step: tf.make_ndarray(event.tensor_proto) for event in events.Tensors(tag)}
        found[tag] = np.array([by_epoch[epoch] for epoch in sorted(by_epoch)])
    return found


def first_line(error: BaseException) -> str:
    """What an error says, without its traceback or the lines after the first."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def deterministic() -> None:
    """Same seed, same numbers: TensorFlow's ops without their nondeterministic variants."""
    tf.config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(0)  # op determinism refuses unseeded ops; every draw of ours has its own seed


def matrix_rate(seconds: float = 0.2) -> float:
    """Multiply-adds a second of this machine's float32 matrix product, measured."""
    a = tf.random.stateless_uniform((512, 1024), (1, 2))
    b = tf.random.stateless_uniform((1024, 1024), (3, 4))
    tf.linalg.matmul(a, b).numpy()
    start, products = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        tf.linalg.matmul(a, b).numpy()
        products += 1
    return products * 512 * 1024 * 1024 / (time.perf_counter() - start)
