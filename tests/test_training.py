"""Data order, exact resume, stages that end early, damaged files, TensorBoard."""

import gc
import itertools
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tfsergan import training
from tfsergan.errors import TfserganError
from tfsergan.methods.bao2019 import emotion_cycle_gan
from tfsergan.methods.yi2019 import adan
from tfsergan.optimizers import FusedAdam, step_decay
from tfsergan.training import WEIGHTS, Labelled, Unpaired, train

E, D, EPOCHS = 3, 4, 4
SETTINGS = {
    "generator_units": (6,),
    "discriminator_units": (6,),
    "domain_classifier_units": (4,),
    "leaky_relu_slope": 0.2,
    "dropout": 0.2,
    "domain_classifier_dropout": 0.5,
}


# ---- Unpaired ---------------------------------------------------------------------------------------------


def numbered(sizes: list[int]) -> tuple[np.ndarray, list[np.ndarray]]:
    """Vectors (set, row) of a source and of emotions, so that a batch says what is in it."""
    sets = [np.stack([np.full(n, i), np.arange(n)], axis=1).astype(np.float32) for i, n in enumerate(sizes)]
    return sets[0], sets[1:]


def epochs_of(batches: Unpaired, first: int, epochs: int) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(s.numpy(), t.numpy()) for s, t in batches.dataset(first, epochs)]


def test_each_row_at_most_once_an_epoch():
    batches = Unpaired(*numbered([20, 12, 17, 9]), batch_size=4, seed=1)
    assert batches.steps == 2  # of the smallest set, 9
    for epoch in range(3):
        steps = epochs_of(batches, epoch, epoch + 1)
        assert [(s.shape, t.shape) for s, t in steps] == [((4, 2), (3, 4, 2))] * 2
        source = np.concatenate([s for s, _ in steps])
        targets = np.concatenate([t for _, t in steps], axis=1)  # (E, steps * B, 2)
        for rows, size in zip([source, *targets], batches.sizes, strict=True):
            assert len(set(rows[:, 1])) == len(rows) == 8
            assert rows[:, 1].max() < size


def test_targets_are_of_their_emotion():
    for s, t in epochs_of(Unpaired(*numbered([9, 5, 6, 7]), batch_size=4, seed=1), 0, 3):
        assert (s[:, 0] == 0).all()
        assert t[:, :, 0].tolist() == [[i] * 4 for i in (1, 2, 3)]


def test_a_set_smaller_than_a_batch_starts_over():
    batches = Unpaired(*numbered([20, 3, 8]), batch_size=8, seed=1)
    assert batches.steps == 1
    ((_, targets),) = epochs_of(batches, 0, 1)
    assert sorted(Counter(targets[0, :, 1]).values()) == [2, 3, 3]
    assert sorted(targets[1, :, 1]) == list(range(8))


def test_over_epochs_every_row_has_its_turn():
    steps = epochs_of(Unpaired(*numbered([30, 8, 30]), batch_size=8, seed=1), 0, 30)
    assert {row for s, _ in steps for row in s[:, 1]} == set(range(30))
    assert {row for _, t in steps for row in t[1, :, 1]} == set(range(30))


def test_the_order_is_a_function_of_seed_and_epoch():
    sets = numbered([20, 12, 9])
    one, again, other = (Unpaired(*sets, batch_size=4, seed=seed) for seed in (1, 1, 2))
    for a, b in zip(epochs_of(one, 0, 3), epochs_of(again, 0, 3), strict=True):
        np.testing.assert_array_equal(a[0], b[0])
        np.testing.assert_array_equal(a[1], b[1])
    assert any(
        (a[0] != b[0]).any() for a, b in zip(epochs_of(one, 0, 1), epochs_of(other, 0, 1), strict=True)
    )
    first, second = epochs_of(one, 0, 1), epochs_of(one, 1, 2)
    assert any((a[0] != b[0]).any() for a, b in zip(first, second, strict=True))


def test_source_and_targets_are_drawn_independently():
    ((source, targets),) = epochs_of(Unpaired(*numbered([32, 32, 32]), batch_size=32, seed=1), 0, 1)
    orders = [source[:, 1], targets[0, :, 1], targets[1, :, 1]]
    for one, other in itertools.combinations(orders, 2):
        assert (one != other).any()


@pytest.mark.parametrize("first", [1, 2, 4])
def test_a_dataset_begun_late_is_the_tail_of_the_whole(first):
    batches = Unpaired(*numbered([20, 12, 9]), batch_size=4, seed=3)
    whole, tail = epochs_of(batches, 0, 4), epochs_of(batches, first, 4)
    assert len(tail) == (4 - first) * batches.steps
    for (s, t), (s_tail, t_tail) in zip(whole[first * batches.steps :], tail, strict=True):
        np.testing.assert_array_equal(s, s_tail)
        np.testing.assert_array_equal(t, t_tail)


def test_an_empty_set_is_refused():
    with pytest.raises(TfserganError, match=r"no vectors to train on.*\[4, 0, 3\]"):
        Unpaired(*numbered([4, 0, 3]), batch_size=2, seed=0)


# ---- Labelled ---------------------------------------------------------------------------------------------


def rows_of(batches: Labelled, first: int, epochs: int) -> list[np.ndarray]:
    """The row numbers of each batch, from vectors and labels that say which they are."""
    steps = [(x.numpy()[:, 0].astype(int), y.numpy()) for x, y in batches.dataset(first, epochs)]
    for rows, labels in steps:
        np.testing.assert_array_equal(labels, 100 + rows)  # a label stays with its vector
    return [rows for rows, _ in steps]


def labelled(n: int = 11, batch_size: int = 4, seed: int = 1) -> Labelled:
    return Labelled(np.arange(n, dtype=np.float64)[:, None], 100 + np.arange(n), batch_size, seed)


def test_each_labelled_row_once_an_epoch():
    batches = labelled()
    assert batches.steps == 3
    for epoch in range(3):
        steps = rows_of(batches, epoch, epoch + 1)
        assert [len(rows) for rows in steps] == [4, 4, 3]
        assert sorted(np.concatenate(steps)) == list(range(11))


@pytest.mark.parametrize(("n", "sizes"), [(8, [4, 4]), (9, [4, 4, 1]), (3, [3])])
def test_the_last_batch_is_smaller_where_it_has_to_be(n, sizes):
    batches = labelled(n)
    assert batches.steps == len(sizes)
    assert [len(rows) for rows in rows_of(batches, 0, 1)] == sizes


def test_seed_and_epoch_decide_the_order_of_labelled_rows():
    def order(seed: int, epoch: int) -> list[int]:
        return np.concatenate(rows_of(labelled(seed=seed), epoch, epoch + 1)).tolist()

    assert order(1, 0) == order(1, 0) != order(1, 1)
    assert order(1, 0) != order(2, 0)
    whole = np.concatenate(rows_of(labelled(), 0, 4))
    np.testing.assert_array_equal(whole[22:], np.concatenate(rows_of(labelled(), 2, 4)))


def test_labelled_vectors_are_float32_and_labels_integers():
    x, y = next(iter(labelled().dataset(0, 1)))
    assert (x.dtype, y.dtype) == (tf.float32, tf.int32)


def test_no_labelled_rows_are_refused():
    with pytest.raises(TfserganError, match="no vectors to train on"):
        labelled(0)


# ---- train ------------------------------------------------------------------------------------------------


class Interrupted(Exception):
    pass


def make_model(seed: int = 1):
    gan = emotion_cycle_gan(SETTINGS, D, E, seed)
    gan.compile(FusedAdam(step_decay(0.01, 0.5, 4)), FusedAdam(step_decay(0.01, 0.5, 2)), lambda_cls=2.0)
    return gan


def make_batches(poison: float = 0.0) -> Unpaired:
    rng = np.random.default_rng(0)
    sets = [rng.normal(size=(n, D)).astype(np.float32) for n in (9, 6, 7, 8)]
    sets[2][0, 0] += poison
    return Unpaired(sets[0], sets[1:], batch_size=3, seed=4)


def interrupt_at(epoch: int):
    def report(task: str, done: int, total: int) -> None:
        if done == epoch:
            raise Interrupted

    return report


def state_of(model) -> list[np.ndarray]:
    """Weights, dropout's random states, optimizer slots and counters."""
    optimizers = [v for optimizer in model.optimizers.values() for v in optimizer.variables]
    metrics = {id(v) for metric in model.metrics for v in metric.variables}
    return [np.array(v) for v in [*model.variables, *optimizers] if id(v) not in metrics]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A stage trained in one go: its folder, model and log folder."""
    folder = tmp_path_factory.mktemp("undisturbed")
    model = make_model()
    train(model, make_batches(), EPOCHS, folder / "stage", log_dir=folder / "log", checkpoint_epochs=1)
    return SimpleNamespace(folder=folder / "stage", model=model, log=folder / "log")


@pytest.fixture
def every_epoch_reports(monkeypatch):
    """Progress is told after each epoch however short it is."""
    monkeypatch.setattr(training, "time", SimpleNamespace(monotonic=itertools.count(1).__next__))


def interrupted(folder: Path, epoch: int, checkpoint_epochs: int = 1) -> None:
    """A stage that was interrupted in this epoch, before its checkpoint."""
    with pytest.raises(Interrupted):
        train(
            make_model(),
            make_batches(),
            EPOCHS,
            folder,
            checkpoint_epochs=checkpoint_epochs,
            report=interrupt_at(epoch),
        )


def test_a_finished_stage_leaves_its_weights_alone(undisturbed):
    assert {path.name for path in undisturbed.folder.iterdir()} == {WEIGHTS, training.EPOCHS, ".lock"}
    assert training.finished(undisturbed.folder)


def test_a_finished_stage_is_loaded_not_trained(undisturbed):
    before = (undisturbed.folder / WEIGHTS).read_bytes()
    model = make_model(seed=2)
    train(model, make_batches(), EPOCHS, undisturbed.folder, report=interrupt_at(1))
    for one, other in zip(model.get_weights(), undisturbed.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert (undisturbed.folder / WEIGHTS).read_bytes() == before


@pytest.mark.parametrize(("epoch", "checkpoint_epochs"), [(1, 1), (3, 1), (4, 3)])
def test_an_interrupted_stage_ends_bit_for_bit_as_an_undisturbed_one(
    tmp_path, undisturbed, every_epoch_reports, weights_in, epoch, checkpoint_epochs
):
    interrupted(tmp_path, epoch, checkpoint_epochs)
    assert not training.finished(tmp_path)
    kept = {1: 0, 3: 2, 4: 3}[epoch]
    assert [path.name for path in tmp_path.glob("checkpoint/*.index")] == (
        [f"epoch-{kept:06d}.index"] if kept else []
    )
    (tmp_path / training.unfinished(99)).touch()  # by a process that was killed as it wrote
    told = []
    model = make_model()
    train(model, make_batches(), EPOCHS, tmp_path, report=lambda task, done, total: told.append(done))
    assert told == list(range(kept, EPOCHS + 1))
    for one, other in zip(state_of(model), state_of(undisturbed.model), strict=True):
        np.testing.assert_array_equal(one, other)
    assert weights_in(tmp_path / WEIGHTS) == weights_in(undisturbed.folder / WEIGHTS)
    assert not (tmp_path / "checkpoint").exists()
    assert not list(tmp_path.glob(training.unfinished("*")))


def test_the_state_that_is_compared_has_dropout_and_optimizers(undisturbed):
    paths = [v.path for v in undisturbed.model.variables]
    assert sum("seed_generator" in path for path in paths) >= 5
    assert len(state_of(undisturbed.model)) > 2 * len(undisturbed.model.get_weights())


@pytest.fixture(scope="module")
def stopped(tmp_path_factory) -> Path:
    """The folder of a stage that stopped after a checkpoint."""
    folder = tmp_path_factory.mktemp("stopped") / "stage"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "time", SimpleNamespace(monotonic=itertools.count(1).__next__))
        interrupted(folder, 3)
    return folder


@pytest.fixture
def broken_off(stopped, tmp_path) -> Path:
    """A copy of it, to be damaged."""
    return Path(shutil.copytree(stopped, tmp_path / "stage"))


def test_a_truncated_checkpoint_is_refused_by_name(broken_off):
    (data,) = broken_off.glob("checkpoint/*.data-*")
    data.write_bytes(data.read_bytes()[: data.stat().st_size // 2])
    with pytest.raises(TfserganError, match=r"epoch-000002.*damaged.*Delete the folder .*checkpoint"):
        train(make_model(), make_batches(), EPOCHS, broken_off)


def test_a_checkpoint_without_its_data_is_refused_by_name(broken_off):
    (data,) = broken_off.glob("checkpoint/*.data-*")
    data.unlink()
    with pytest.raises(TfserganError, match=r"epoch-000002.*damaged"):
        train(make_model(), make_batches(), EPOCHS, broken_off)


@pytest.mark.parametrize("content", [b"", b"this is no index" * 100])
def test_a_garbled_checkpoint_is_refused_by_name(broken_off, content):
    (index,) = broken_off.glob("checkpoint/*.index")
    index.write_bytes(content)
    with pytest.raises(TfserganError, match=r"epoch-000002\.index.*damaged"):
        train(make_model(), make_batches(), EPOCHS, broken_off)


def test_a_flipped_byte_in_a_checkpoint_is_refused(broken_off):
    (data,) = broken_off.glob("checkpoint/*.data-*")
    content = bytearray(data.read_bytes())
    content[len(content) // 2] ^= 0x40
    data.write_bytes(content)
    with pytest.raises(TfserganError, match="damaged"):
        train(make_model(), make_batches(), EPOCHS, broken_off)


def test_a_checkpoint_of_other_networks_is_refused(broken_off):
    gan = emotion_cycle_gan(SETTINGS | {"generator_units": (7,)}, D, E, 1)
    gan.compile(FusedAdam(0.01), FusedAdam(0.01))
    with pytest.raises(TfserganError, match="of another run"):
        train(gan, make_batches(), EPOCHS, broken_off)


@pytest.mark.parametrize("content", [b"", b"no HDF5 at all", None])
def test_damaged_weights_are_refused_by_name(tmp_path, undisturbed, content):
    whole = (undisturbed.folder / WEIGHTS).read_bytes()
    (tmp_path / WEIGHTS).write_bytes(whole[: len(whole) // 2] if content is None else content)
    with pytest.raises(TfserganError, match=r"weights\.weights\.h5: these weights can't be read"):
        train(make_model(), make_batches(), EPOCHS, tmp_path)


@pytest.mark.filterwarnings("ignore:Skipping nested container")
def test_weights_of_other_networks_are_refused(undisturbed):
    other = emotion_cycle_gan(SETTINGS | {"generator_units": (7,)}, D, E, 1)
    with pytest.raises(TfserganError, match="these weights can't be read"):
        training.load_weights(other, undisturbed.folder)


def test_losses_that_are_not_finite_end_the_stage_before_it_is_saved(tmp_path):
    with pytest.raises(TfserganError, match=r"^fold 1: .*cycle_loss.* no longer finite in epoch \d"):
        train(make_model(), make_batches(np.nan), EPOCHS, tmp_path, task="fold 1", checkpoint_epochs=1)
    assert not training.finished(tmp_path)
    assert not list(tmp_path.rglob("*.index"))


def test_no_epochs_keep_the_initial_weights(tmp_path):
    model = make_model()
    before = model.get_weights()
    train(model, make_batches(), 0, tmp_path)
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert training.finished(tmp_path)


# ---- a condition that ends a stage ------------------------------------------------------------------------


def stop_at(epoch: int):
    return lambda done, logs: done >= epoch and 0 < logs["D_real"] < 1


def stage(folder: Path, seed: int = 1, **options) -> tuple[int, list[np.ndarray]]:
    """Trains a small ADAN: the number of epochs it took, and its state."""
    settings = {"latent": 2, "autoencoder_units": (3,), "other_units": (3,), "activation": "tanh"}
    model = adan(settings | {"leaky_relu_slope": 0.2, "precision": "float32"}, D, 2, seed)
    model.compile(*(FusedAdam(0.01) for _ in range(3)))
    x = np.random.default_rng(0).normal(size=(5, D))
    epochs = train(model, Labelled(x, np.arange(5) % 2, 3, seed=4), EPOCHS, folder, **options)
    return epochs, state_of(model)


@pytest.fixture(scope="module")
def ended(tmp_path_factory) -> SimpleNamespace:
    """A stage that its condition ended after the second epoch."""
    folder = tmp_path_factory.mktemp("ended")
    told = []
    epochs, state = stage(
        folder, stop=stop_at(2), report=lambda task, done, total: told.append((done, total))
    )
    return SimpleNamespace(folder=folder, epochs=epochs, state=state, told=told)


@pytest.fixture(scope="module")
def unended(tmp_path_factory) -> SimpleNamespace:
    """The same stage under a condition that is never met."""
    folder = tmp_path_factory.mktemp("unended")
    asked = []
    epochs, _ = stage(
        folder / "stage",
        log_dir=folder / "log",
        stop=lambda epoch, logs: asked.append((epoch, logs)) or False,
    )
    return SimpleNamespace(folder=folder / "stage", log=folder / "log", epochs=epochs, asked=asked)


def test_a_stage_ends_after_the_epoch_that_meets_the_condition(ended, unended):
    assert ended.epochs == training.epochs_trained(ended.folder) == 2
    assert ended.told[-1] == (EPOCHS, EPOCHS)  # nothing is left to do
    assert unended.epochs == training.epochs_trained(unended.folder) == EPOCHS
    assert [epoch for epoch, _ in unended.asked] == [1, 2, 3, 4]


def test_an_ended_stage_is_read_with_its_epochs(ended):
    epochs, _ = stage(ended.folder, seed=2, report=interrupt_at(1))
    assert epochs == 2


@pytest.mark.parametrize("checkpoint_epochs", [1, 2])
def test_an_interrupted_stage_ends_where_an_undisturbed_one_does(
    tmp_path, ended, every_epoch_reports, monkeypatch, checkpoint_epochs
):
    """Interrupted in the last moment, after the epoch that ends it: not an epoch more is trained."""

    def killed(model, folder):
        raise Interrupted

    with monkeypatch.context() as patch, pytest.raises(Interrupted):
        patch.setattr(training, "save_weights", killed)
        stage(tmp_path, stop=stop_at(2), checkpoint_epochs=checkpoint_epochs)
    assert not training.finished(tmp_path)
    epochs, state = stage(tmp_path, stop=stop_at(2), checkpoint_epochs=checkpoint_epochs)
    assert epochs == training.epochs_trained(tmp_path) == 2
    for one, other in zip(state, ended.state, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("content", [None, "", "many"])
def test_a_missing_or_damaged_number_of_epochs_is_told(tmp_path, ended, content):
    shutil.copytree(ended.folder, tmp_path, dirs_exist_ok=True)
    (tmp_path / training.EPOCHS).unlink() if content is None else (tmp_path / training.EPOCHS).write_text(
        content
    )
    with pytest.raises(
        TfserganError, match=r"epochs\.txt: can't be read.*Delete the folder .* only this stage"
    ):
        stage(tmp_path)


def test_weights_hold_no_optimizer_state(undisturbed):
    import h5py

    with h5py.File(undisturbed.folder / WEIGHTS) as file:
        assert not [name for name in file if "optimizer" in name]


# ---- TensorBoard ------------------------------------------------------------------------------------------


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    events = EventAccumulator(str(folder), size_guidance={"tensors": 0}).Reload()
    return {
        tag: [(event.step, float(tf.make_ndarray(event.tensor_proto))) for event in events.Tensors(tag)]
        for tag in events.Tags()["tensors"]
    }


def test_tensorboard_has_losses_outputs_and_learning_rates(undisturbed):
    found = scalars(undisturbed.log)
    losses = ("adversarial_loss", "classification_loss", "cycle_loss", "discriminator_loss")
    outputs = ("D_S_fake", "D_S_real", "D_T_fake", "D_T_real")
    assert set(found) == {
        *(f"losses/{name}" for name in losses),
        *(f"outputs/{name}" for name in outputs),
        *("schedule/learning_rate_generators", "schedule/learning_rate_discriminators"),
    }
    for points in found.values():
        assert [step for step, _ in points] == list(range(1, EPOCHS + 1))
    for name in outputs:
        assert all(0 < value < 1 for _, value in found[f"outputs/{name}"])
    for role in ("generators", "discriminators"):
        rates = [value for _, value in found[f"schedule/learning_rate_{role}"]]
        np.testing.assert_allclose(rates, [0.005, 0.0025, 0.00125, 0.000625], rtol=1e-6)  # 2 steps an epoch


def test_curves_have_one_value_an_epoch(undisturbed):
    found, written = training.curves(undisturbed.log), scalars(undisturbed.log)
    assert set(found) == set(written)
    for tag, points in written.items():
        assert found[tag].shape == (EPOCHS,)
        np.testing.assert_array_equal(found[tag], [value for _, value in points])


def test_curves_of_a_resumed_stage_have_each_epoch_once(tmp_path, unended, every_epoch_reports):
    log = tmp_path / "log"
    with pytest.raises(Interrupted):  # the third epoch is logged, the second is the last checkpoint
        stage(tmp_path / "stage", log_dir=log, checkpoint_epochs=2, report=interrupt_at(4))
    gc.collect()  # closes the log, as the end of a process does
    stage(tmp_path / "stage", log_dir=log)
    # Two files of one second are read by their numbers as texts: the tenth before the ninth.
    assert sorted(step for step, _ in scalars(log)["outputs/D_real"]) == [1, 2, 3, 3, 4]
    found, whole = training.curves(log), training.curves(unended.log)
    assert set(found) == set(whole)
    for tag, values in whole.items():
        np.testing.assert_array_equal(found[tag], values)


def test_no_log_has_no_curves(tmp_path):
    assert training.curves(tmp_path) == {}
    assert training.curves(tmp_path / "nowhere") == {}


# ---- a killed process -------------------------------------------------------------------------------------

SCRIPT = """
import runpy, sys
from pathlib import Path
tiny = runpy.run_path(sys.argv[1])
run = tiny["make_run"](Path(sys.argv[2]), gan_iterations="60", repeats="1", lambda_cls="2")
tiny["reproduce"](run, (2,))
"""


@pytest.mark.slow
def test_a_killed_run_ends_with_the_bytes_of_an_undisturbed_one(tmp_path, weights_in):
    conftest = Path(__file__).with_name("conftest.py")

    def start(name: str) -> subprocess.Popen:
        arguments = [sys.executable, "-c", SCRIPT, str(conftest), str(tmp_path / name)]
        return subprocess.Popen(arguments, env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"})

    def wait_for(pattern: str, process: subprocess.Popen) -> None:
        give_up = time.monotonic() + 240
        while not list((tmp_path / "killed").glob(pattern)):
            assert process.poll() is None, "ended before it was killed"
            assert time.monotonic() < give_up
            time.sleep(0.002)

    assert start("whole").wait(300) == 0
    for pattern in ("models/session1/lambda_cls=2/checkpoint/epoch-0000[2-9]*.index", "results.jsonl"):
        process = start("killed")
        wait_for(pattern, process)
        process.send_signal(signal.SIGKILL)
        assert process.wait(60) == -signal.SIGKILL
    assert start("killed").wait(300) == 0
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    assert (killed / "results.jsonl").read_bytes() == (whole / "results.jsonl").read_bytes()
    for path in whole.glob(f"models/session1/*/{WEIGHTS}"):
        assert weights_in(path) == weights_in(killed / path.relative_to(whole))


# ---- utterances and the best epoch ------------------------------------------------------------------------


def test_utterances_of_a_batch_are_cut_or_repeated_to_one_length():
    from tfsergan.ragged import Ragged

    x = Ragged.of([np.arange(n, dtype=np.float32)[:, None] + 100 * n for n in (3, 9, 5)])
    batches = training.Utterances(x, (np.array([0, 1, 2]), np.array([7, 8, 9])), 5, batch_size=2, seed=1)
    drawn = list(batches.dataset(0, 1))
    assert [len(batch[0]) for batch in drawn] == [2, 1]
    for frames, emotion, speaker in drawn:
        np.testing.assert_array_equal(frames, x[emotion.numpy()].fixed(5))
        np.testing.assert_array_equal(speaker, emotion + 7)
    with pytest.raises(TfserganError, match="no utterances"):
        training.Utterances(x[np.arange(0)], (), 5, 2, 1)


@pytest.mark.parametrize("content", [None, b"{", b"{}"])
def test_missing_or_damaged_best_weights_are_told(tmp_path, content):
    if content is not None:
        (tmp_path / "best-a.json").write_bytes(content)
    with pytest.raises(TfserganError, match=r"best-a\.weights\.h5: the best weights can't be read"):
        training.load_best(None, tmp_path, "a")
