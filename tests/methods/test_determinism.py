"""Same seed, same numbers: every method, trained again, elsewhere, in another order, and resumed after an interruption.

Run as a script, this file trains all methods and prints a digest of the weights of each: what another process gets.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pytest

from tfsergan import training
from tfsergan.methods import (
    bao2019,
    cycle_gan,
    domain_adaptation,
    latif2020,
    li2020,
    sahu2017,
    sahu2018,
    yi2019,
)
from tfsergan.methods.su2021 import CCEmoGAN
from tfsergan.optimizers import FusedAdam, step_decay
from tfsergan.ragged import Ragged

B, D, K, T = 4, 5, 3, 30
EPOCHS = 2
WIDTHS = {"dropout": 0.3, "leaky_relu_slope": 0.2, "precision": "float32", "activation": "tanh", "latent": 2}
VECTORS = np.random.default_rng(0).normal(size=(10, D)).astype(np.float32)
LABELS = np.arange(10) % K


def labelled(seed: int) -> training.Labelled:
    return training.Labelled(VECTORS, LABELS, B, seed)


def beside_target(seed: int) -> training.SourceAndTarget:
    rows = np.array([np.arange(8), np.arange(8)[::-1]])
    return training.SourceAndTarget(VECTORS, LABELS, 2 * VECTORS[:5], rows, B, (seed, seed + 1))


def unpaired(seed: int) -> training.Unpaired:
    return training.Unpaired(VECTORS, [VECTORS[i : i + 4] for i in range(K)], B, seed)


def utterances(seed: int) -> training.Utterances:
    frames = np.random.default_rng(1).normal(size=(10 * T, D)).astype(np.float32)
    return training.Utterances(Ragged(frames, np.full(10, T)), (LABELS, np.arange(10) % 2), T, B, seed)


def adams(n: int) -> list[FusedAdam]:
    return [FusedAdam(step_decay(0.01, 0.5, 2)) for _ in range(n)]


def emotion_cycle_gan(seed: int) -> keras.Model:
    units = {"generator_units": (6,), "discriminator_units": (6,), "domain_classifier_units": (4,)}
    gan = bao2019.emotion_cycle_gan(WIDTHS | units | {"domain_classifier_dropout": 0.5}, D, K, seed)
    gan.compile(*adams(2), lambda_cls=2.0)
    return gan


def adan(seed: int) -> keras.Model:
    gan = yi2019.adan(WIDTHS | {"autoencoder_units": (6,), "other_units": (5,)}, D, K, seed)
    gan.compile(*adams(3))
    return gan


def mixup_gan(seed: int) -> keras.Model:
    units = {"encoder_units": (6,), "decoder_units": (6,), "discriminator_units": (5,)}
    gan = latif2020.mixup_gan(WIDTHS | units, D, 2, seed)
    gan.compile(*adams(3))
    return gan


SAHU = WIDTHS | {"units": (6,), "code_discriminator_units": (5,), "radius": 2.0, "deviation": 0.5}
SAHU |= {
    "encoder_updates": 1,
    "generator_updates": 2,
    "discriminator_units": (5,),
    "discriminator_dropout": 0.3,
}


def aae(seed: int) -> keras.Model:
    model = sahu2017.aae(SAHU, D, K, seed, sahu2017.AAE, given=0)
    model.compile(*adams(3))
    return model


def sahu_gan(kind: type[sahu2018.VanillaGAN]) -> Callable[[int], keras.Model]:
    def make(seed: int) -> keras.Model:
        model = sahu2018.gan(SAHU, D, K, seed, kind)
        model.compile(*adams(2))
        return model

    return make


def su2021(kind: type[cycle_gan.CycleGAN]) -> Callable[[int], keras.Model]:
    units = {"generator_units": (6,), "discriminator_units": (5,), "generator_batch_norm": True}
    s = WIDTHS | units | {"batch_size": B, "batch_norm_momentum": 0.9}
    c = {"units": (5,), "batch_norm": True, "precision": "float32", "batch_norm_momentum": 0.9}

    def make(seed: int) -> keras.Model:
        seeds = (seed, seed + 1)
        condition = K * (kind is CCEmoGAN)
        networks = [*cycle_gan.generators(s, D, condition, seeds), *cycle_gan.discriminators(s, D, seeds)]
        if kind is not cycle_gan.CycleGAN:
            networks.append(domain_adaptation.emotion_classifier(c, D, K, seeds))
        if kind is domain_adaptation.CyCADA:
            networks.append(domain_adaptation.emotion_classifier(c, D, K, (7, 8)))
        gan = kind(*networks, seed=seed)
        gan.compile(*adams(3 if issubclass(kind, domain_adaptation.AdaptedClassifier) else 2))
        return gan

    return make


def dann(seed: int) -> keras.Model:
    s = {"encoder_units": (6,), "units": (5,), "precision": "float32"}
    model = domain_adaptation.dann(s, D, K, (seed, seed + 1))
    model.compile(*adams(1), 10)
    return model


def menan(seed: int) -> keras.Model:
    s = {
        "filters": (4, 3),
        "kernels": (10, 5),
        "strides": (2, 2),
        "recurrent_units": 3,
        "classifier_units": (5, 4),
    }
    model = li2020.build("Proposed MEnAN", s, T, D, K, 2, seed)
    model.compile(*adams(2), 0.5)
    return model


METHODS: dict[str, tuple[Callable[[int], keras.Model], Callable[[int], training.Batches]]] = {
    "bao2019 EmotionCycleGAN": (emotion_cycle_gan, unpaired),
    "yi2019 ADAN": (adan, labelled),
    "latif2020 MixupGAN": (mixup_gan, labelled),
    "sahu2017 AAE": (aae, labelled),
    "sahu2018 VanillaGAN": (sahu_gan(sahu2018.VanillaGAN), labelled),
    "sahu2018 ConditionalGAN": (sahu_gan(sahu2018.ConditionalGAN), labelled),
    "su2021 CCEmoGAN": (su2021(CCEmoGAN), beside_target),
    "su2021 CycleGAN": (su2021(cycle_gan.CycleGAN), beside_target),
    "su2021 CyCADA": (su2021(domain_adaptation.CyCADA), beside_target),
    "su2021 CycleEmotionGAN": (su2021(domain_adaptation.CycleEmotionGAN), beside_target),
    "su2021 DANN": (dann, beside_target),
    "li2020 MEnAN": (menan, utterances),
}


def digest(model: keras.Model) -> str:
    """Of all weights, bit for bit."""
    found = hashlib.sha256()
    for network in model.networks:
        for weight in network.get_weights():
            found.update(np.ascontiguousarray(weight))
    return found.hexdigest()


def train(name: str, folder: Path, **options) -> str:
    """Trains a method, or goes on with it, and gives the digest of its weights."""
    make, batches = METHODS[name]
    model = make(1)
    training.train(model, batches(1), EPOCHS, folder, checkpoint_epochs=1, **options)
    return digest(model)


def train_all(folder: Path) -> dict[str, str]:
    """Trains all methods, the last first; keeps what an interruption in the second epoch would leave in `folder`."""

    def keep(name: str, epoch: int) -> bool:
        if epoch == EPOCHS:
            shutil.copytree(folder / "whole" / name / "checkpoint", folder / "cut" / name / "checkpoint")
        return False

    training.deterministic()
    return {
        name: train(name, folder / "whole" / name, stop=lambda epoch, _, name=name: keep(name, epoch))
        for name in reversed(METHODS)
    }


@pytest.fixture(scope="module", autouse=True)
def deterministic():
    training.deterministic()


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory) -> tuple[Path, dict[str, str]]:
    """A folder with an interrupted training of each method, and the digests that another process ended with."""
    folder = tmp_path_factory.mktemp("elsewhere")
    command = [sys.executable, __file__, str(folder)]  # with as many threads as here: see conftest.py
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder, json.loads(done.stdout)


@pytest.mark.parametrize("name", METHODS)
def test_a_step_is_the_same_again_and_another_with_another_seed(name):
    make, batches = METHODS[name]

    def stepped(seed: int) -> str:
        model = make(seed)
        model.train_step(next(iter(batches(seed).dataset(0, 1))))
        return digest(model)

    assert stepped(1) == stepped(1) != stepped(2)


@pytest.mark.slow
@pytest.mark.parametrize("name", METHODS)
def test_resumed_here_it_ends_as_undisturbed_in_another_process(name, elsewhere):
    folder, digests = elsewhere
    cut = folder / "cut" / name
    assert [path.name for path in cut.rglob("*.index")] == ["epoch-000001.index"]
    assert train(name, cut) == digests[name]


@pytest.mark.slow
@pytest.mark.parametrize("name", METHODS)
def test_trained_here_from_the_start_it_ends_the_same_again(name, elsewhere, tmp_path):
    assert train(name, tmp_path / "one") == train(name, tmp_path / "again") == elsewhere[1][name]


if __name__ == "__main__":
    print(json.dumps(train_all(Path(sys.argv[1]))))
