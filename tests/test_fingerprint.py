"""What a stage's digest depends on: each ingredient alone changes it, nothing else does."""

import functools
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import pytest

from tfsergan import fingerprint, losses
from tfsergan.fingerprint import Unknown, Walk
from tfsergan.methods.bao2019 import emotion_cycle_gan
from tfsergan.methods.li2020 import build
from tfsergan.methods.sahu2017 import aae
from tfsergan.methods.yi2019 import Undecided
from tfsergan.networks import GaussianMixture
from tfsergan.optimizers import FusedAdam, step_decay
from tfsergan.training import Labelled, Patience, Unpaired

E, D = 2, 3
SETTINGS = {
    "generator_units": (4,),
    "discriminator_units": (4,),
    "domain_classifier_units": (3,),
    "leaky_relu_slope": 0.2,
    "dropout": 0.2,
    "domain_classifier_dropout": 0.5,
}


def make_model(seed: int = 1, decay: float = 0.5, every: int = 4, beta: float = 0.9, **options: Any):
    settings = {name: options.pop(name, value) for name, value in SETTINGS.items()}
    model = emotion_cycle_gan(settings, D, E, seed)
    rates = FusedAdam(step_decay(0.01, decay, every), beta_1=beta), FusedAdam(0.01)
    model.compile(*rates, **{"lambda_cls": 2.0, **options})
    return model


def make_batches(kind: type = Unpaired, change: float = 0.0, batch_size: int = 3, seed: int = 4) -> Unpaired:
    rng = np.random.default_rng(0)
    source, *targets = (rng.normal(size=(n, D)).astype(np.float32) for n in (9, 6, 7))
    targets[1][6, 2] += change
    return kind(source, targets, batch_size=batch_size, seed=seed)


def of(model=None, batches=None, epochs: int = 4, **options: Any) -> fingerprint.Fingerprint:
    return fingerprint.of_stage(model or make_model(), batches or make_batches(), epochs, **options)


@pytest.fixture(scope="module")
def usual() -> fingerprint.Fingerprint:
    return of()


def changed(one: fingerprint.Fingerprint, other: fingerprint.Fingerprint) -> set[str]:
    assert (one.digest == other.digest) == (one == other)
    return {name for name in one.parts if one.parts[name] != other.parts[name]}


class Reversed(Unpaired):
    """Batches of another class with the same attributes."""


def score(model, x: np.ndarray) -> float:
    return float(losses.reconstruction(x, model.gen_G(x, training=False)).numpy().mean())


def moved(model):
    model.gen_G.trainable_variables[0].assign(model.gen_G.trainable_variables[0] + 1e-7)
    return model


def drawn(model):
    """One whose dropout has drawn once."""
    seeds = [v for v in model.variables if "seed_generator" in v.path]
    seeds[0].assign(seeds[0] + 1)
    return model


def frozen(model):
    model.gen_F.trainable = False
    return model


def with_attribute(model, value: Any):
    """As if the method kept one more setting, in an attribute that is meant to be hidden."""
    model._setting = value
    return model


def patient(least: float, epochs: int = 3) -> fingerprint.Fingerprint:
    model = make_model()
    return of(model, stop=Patience(model, "cycle_loss", epochs, least))


def judged(x: float) -> fingerprint.Fingerprint:
    model = make_model()
    return of(model, keep_best={"a": functools.partial(score, model, np.full((E, 2, D), x))})


WALKED: dict[str, tuple[Callable, set[str]]] = {
    "initial weights": (lambda: of(moved(make_model())), {"initial values"}),
    "random states": (lambda: of(drawn(make_model())), {"initial values"}),
    "seed": (lambda: of(make_model(seed=2)), {"model", "initial values"}),
    "width": (lambda: of(make_model(generator_units=(5,))), {"model", "initial values"}),
    "dropout": (lambda: of(make_model(dropout=0.3)), {"model"}),
    "slope": (lambda: of(make_model(leaky_relu_slope=0.1)), {"model"}),
    "trainable": (lambda: of(frozen(make_model())), {"model"}),
    "loss weight": (lambda: of(make_model(lambda_cyc=4.0)), {"model"}),
    "integer for float": (lambda: of(make_model(lambda_cls=2)), {"model"}),
    "updates": (lambda: of(make_model(generator_updates=3)), {"model"}),
    "real label": (lambda: of(make_model(real_label=1.0)), {"model"}),
    "hidden attribute": (lambda: of(with_attribute(make_model(), 1.0)), {"model"}),
    "schedule": (lambda: of(make_model(decay=0.6)), {"model"}),
    "schedule's length": (lambda: of(make_model(every=5)), {"model"}),
    "optimizer": (lambda: of(make_model(beta=0.5)), {"model"}),
    "one number of the data": (lambda: of(batches=make_batches(change=1e-6)), {"data"}),
    "batch size": (lambda: of(batches=make_batches(batch_size=2)), {"data"}),
    "order": (lambda: of(batches=make_batches(seed=5)), {"data"}),
    "class of the batches": (lambda: of(batches=make_batches(Reversed)), {"data", "code"}),
    "epochs": (lambda: of(epochs=5), {"length"}),
    "stop rule": (lambda: of(stop=Undecided(2, 0.1)), {"length", "code"}),
    "patience": (lambda: patient(0.0), {"model", "initial values", "length"}),
    "scores": (lambda: judged(0.0), {"kept"}),
    "logs": (lambda: of(logged=True), {"kept"}),
}


@pytest.mark.parametrize("name", WALKED)
def test_each_ingredient_changes_the_digest(usual, name):
    make, parts = WALKED[name]
    assert changed(usual, make()) == parts


def test_values_of_rules_and_scores_count():
    rules = [of(stop=Undecided(*values)) for values in ((2, 0.1), (3, 0.1), (2, 0.2))]
    rules += [of(stop=lambda epoch, logs: epoch >= 2), of(stop=lambda epoch, logs: epoch >= 3)]
    assert len({rule.digest for rule in rules}) == 5
    assert changed(patient(0.0), patient(0.1)) == changed(patient(0.0), patient(0.0, epochs=4)) == {"length"}
    assert changed(judged(0.0), judged(1.0)) == {"kept"}
    assert changed(judged(0.0), judged(0.0)) == set()


def test_what_is_made_anew_has_the_same_digest(usual):
    keras.Sequential([keras.layers.Dense(1)])  # Keras counts the names of layers on
    keras.Input((1,))
    assert changed(usual, of()) == set()


def test_another_process_finds_the_same_digest(usual):
    code = "import json, runpy, sys; print(json.dumps(dict(runpy.run_path(sys.argv[1])['of']().parts)))"
    done = subprocess.run([sys.executable, "-c", code, __file__], capture_output=True, text=True, timeout=600)
    found = json.loads(done.stdout.splitlines()[-1])
    # Other tests have switched on TensorFlow's determinism in this process: that is part of "machine".
    assert {**found, "machine": usual.machine} == dict(usual.parts), done.stderr


def test_attributes_of_our_layers_count():
    """Also those that a layer forgets to name in its configuration."""

    def prior(**options: float):
        s = {
            "latent": 2,
            "units": (3,),
            "code_discriminator_units": (3,),
            "dropout": 0.0,
            "activation": "relu",
        }
        s |= {"leaky_relu_slope": 0.2, "precision": "float32", "radius": 2.0, "deviation": 0.5} | options
        model = aae(s, D, E, seed=1)
        model.compile(*(FusedAdam(0.01) for _ in range(3)))
        return model

    described = [Walk().of(prior(**options)) for options in ({}, {"radius": 2.5}, {"deviation": 0.4}, {})]
    assert described[0] == described[3]
    assert described[0] not in described[1:3]
    forgetful = [GaussianMixture(E, 2, 1.0, 0.5, seed=1) for _ in range(2)]
    forgetful[1].squeezed = 0.5
    assert Walk().of(forgetful[0]) != Walk().of(forgetful[1])


def test_precision_counts():
    s = {"filters": (2,), "kernels": (3,), "strides": (1,), "recurrent_units": 2, "classifier_units": (3,)}
    models = [build("DAT model", s, 8, 2, 2, 2, seed=1) for _ in range(2)]
    for model in models:
        model.compile(FusedAdam(0.1), 0.5)
    same = [Walk().of(model) for model in models]  # with a graph of the model's own method, and a reversal
    assert same[0] == same[1]
    before = Walk().of(models[0].EC)
    models[0].EC.layers[1].dtype_policy = "mixed_bfloat16"
    assert Walk().of(models[0].EC) != before


@dataclass
class Slotted:
    __slots__ = ("a",)
    a: int


@pytest.mark.parametrize(
    "value",
    [np.random.default_rng(0), Slotted(1), object(), np.array([object()])],
    ids=lambda value: type(value).__name__,
)
def test_what_cannot_be_described_is_unknown(value):
    with pytest.raises(Unknown):
        Walk().of(value)
    assert of(stop=functools.partial(print, value)) is None


# ---- code -------------------------------------------------------------------------------------------------------


def test_the_code_is_that_of_the_classes_and_of_what_they_import():
    walk = Walk()
    walk.of(make_model())
    found = fingerprint.code_of(walk.modules)
    ours = {name.removeprefix("tfsergan.") for name in found if name.startswith("tfsergan.")}
    assert ours == {
        *(
            "losses",
            "methods.adversarial",
            "methods.bao2019",
            "networks",
            "optimizers",
            "ragged",
            "rows",
            "training",
        ),
    }
    assert {"python", "tensorflow", "keras", "numpy"} <= found.keys()


def write_module(folder, text: str) -> str:
    name = f"method_{abs(hash(text))}"
    (folder / f"{name}.py").write_text(text)
    return name


@pytest.fixture
def digest(tmp_path, monkeypatch) -> Callable[[str], str]:
    """The digest of a module of this text."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(fingerprint, "process_began", lambda: float("inf"))
    return lambda text: fingerprint.source(write_module(tmp_path, text))[0]


def test_comments_and_docstrings_are_no_code(digest):
    code = "def loss(x):\n    return 2 * x\n"
    spoken = '"""Losses."""\ndef loss(x):\n    """Twice."""  # of x\n\n    return (2 * x)\n'
    assert digest(spoken) == digest('"""Others."""\n' + 'def loss(x):\n    """Else."""\n    return 2 * x\n')
    assert digest(code) != digest(code.replace("2", "3"))


def test_code_that_was_edited_after_the_process_began_is_unknown(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(Unknown, match="changed since"):
        fingerprint.source(write_module(tmp_path, "edited = 1\n"))


def test_code_in_no_file_is_unknown():
    with pytest.raises(Unknown):
        fingerprint.source("a_module_of_a_console")


# ---- where ------------------------------------------------------------------------------------------------------


def test_where_it_is_computed_counts(usual, monkeypatch):
    found = []
    for patch in (
        lambda m: m.setenv("TF_ENABLE_ONEDNN_OPTS", "0"),
        lambda m: m.setattr(fingerprint, "processor", lambda: ["another"]),
        lambda m: m.setattr(
            fingerprint.tf.config.threading, "get_intra_op_parallelism_threads", lambda: 1000
        ),
        lambda m: m.setattr(keras.config, "epsilon", lambda: 1e-6),
    ):
        with monkeypatch.context() as context:
            patch(context)
            found.append(fingerprint.machine())
    assert len({usual.machine, *found}) == 5
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "7")  # what TensorFlow took from it counts
    assert fingerprint.machine() == usual.machine


def test_type_and_shape_of_an_array_count():
    arrays = [
        np.zeros(shape, kind) for shape in ((0, 3), (3, 0), (2,), (2, 1)) for kind in (np.int32, np.float32)
    ]
    assert len({str(fingerprint.array(array)) for array in arrays}) == 8


def test_labelled_batches_have_a_digest():
    x, y = np.zeros((4, D)), np.arange(4)
    assert Walk().of(Labelled(x, y, 2, seed=1)) != Walk().of(Labelled(x, y[::-1], 2, seed=1))
