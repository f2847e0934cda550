"""The mixup GAN as an imbalanced-learn sampler: its checks, what it learns from and makes, folders, refusals."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from imblearn.utils.estimator_checks import parametrize_with_checks
from sklearn.base import clone
from sklearn.utils._param_validation import InvalidParameterError

from tfsergan import papers, training
from tfsergan.augmentation import Mixup
from tfsergan.methods.latif2020 import MixupGAN
from tfsergan.samplers import MixupGANSampler

pytestmark = pytest.mark.filterwarnings("ignore:Even though the .*run_functions_eagerly")

TINY = {
    **{"encoder_units": (5, 4), "decoder_units": (4, 5), "discriminator_units": (4,), "random_state": 0},
    **{"epochs": 1, "pretrain_epochs": 1, "batch_size": 1000, "learning_rate": 0.01},
}


@pytest.fixture(autouse=True)
def eager():
    """A graph takes longer to trace than these networks to train; the method's own tests compare both."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def tiny(**options) -> MixupGANSampler:
    return MixupGANSampler(**TINY | options)


@pytest.fixture
def data() -> tuple[np.ndarray, np.ndarray]:
    """Vectors (24, 4) of classes with 12, 8 and 4 of them, mixed; features of several magnitudes."""
    y = np.random.default_rng(1).permutation(np.repeat([0, 1, 2], [12, 8, 4]))
    x = np.random.default_rng(0).normal(size=(24, 4)) + 4 * y[:, None]
    return x * [1, 1e-3, 1e3, 1], y


@pytest.mark.slow
@parametrize_with_checks([tiny()])
def test_imbalanced_learns_own_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize(("copies", "counts"), [(None, [12, 12, 12]), (2, [36, 24, 12])])
def test_what_is_added(data, copies, counts):
    sampler = tiny(copies=copies)
    x, y = sampler.fit_resample(*data)
    assert np.bincount(y).tolist() == counts
    np.testing.assert_array_equal(x[:24], data[0])
    assert isinstance(sampler.model_, MixupGAN)
    np.testing.assert_array_equal(x[24:], sampler.sample(y[24:], sampler.seed_ + 2))
    mixtures = Mixup(alpha=0.2, random_state=sampler.seed_ + 2).synthesize(*data, y[24:])
    made = sampler.model_.synthesize(sampler.scaler_.transform(mixtures))
    expected = sampler.scaler_.inverse_transform(made)
    np.testing.assert_allclose(
        x[24:] / np.ptp(data[0], axis=0), expected / np.ptp(data[0], axis=0), atol=1e-5
    )


def test_labels_may_be_anything_that_sorts(data):
    names = np.array(["sad", "joy", "fear"])
    sampler = tiny(copies=1)
    x, y = sampler.fit_resample(data[0], names[data[1]])
    assert sampler.classes_.tolist() == sorted(names)
    assert sorted(y[24:]) == sorted(names[data[1]])
    np.testing.assert_array_equal(x[24:], sampler.sample(y[24:], sampler.seed_ + 2))


def test_networks_see_the_training_set_and_its_mixtures_between_0_and_1(data, monkeypatch):
    seen = []
    monkeypatch.setattr(training, "train", lambda model, batches, *_, **__: seen.append((model, batches)))
    sampler = tiny(mixed_copies=2).fit_model(*data)
    (pretrained, first), (gan, second) = seen
    assert first is second
    x = data[0]
    np.testing.assert_allclose(first.x[:24], (x - x.min(axis=0)) / np.ptp(x, axis=0), rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(first.x, sampler.mixed_.x)
    assert first.y.numpy().tolist() == [1] * 24 + sampler.mixed_.unmixed[24:].tolist()
    assert first.x.shape == (72, 4)
    assert first.x.numpy().min() == 0 and first.x.numpy().max() == pytest.approx(1)
    np.testing.assert_array_equal(sampler.mixed_.y[:24], np.eye(3)[data[1]])
    for one, other in zip(pretrained.networks, gan.networks, strict=False):
        for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)


def test_it_makes_vectors_of_the_classes_it_was_shown():
    """Two classes far apart: what is made of one lies on its side."""
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [40, 24])
    x = rng.normal(size=(64, 4)) + 8 * y[:, None]
    # Mixtures near the middle may fall on either side: a small alpha makes few.
    sampler = tiny(pretrain_epochs=60, epochs=5, batch_size=64, alpha=0.01, dropout=0.0, copies=1)
    x_new, y_new = sampler.fit_resample(x, y)
    assert np.mean((x_new[64:].mean(axis=1) > 4) == (y_new[64:] == 1)) > 0.95


def test_random_state_decides(data):
    def vectors(state) -> np.ndarray:
        return tiny(copies=1, random_state=state).fit_resample(*data)[0][24:]

    np.testing.assert_array_equal(vectors(1), vectors(1))
    assert (vectors(1) != vectors(2)).any()
    assert (vectors(None) != vectors(None)).any()


def test_a_finished_folder_is_read(tmp_path, data):
    sampler = tiny(copies=1, folder=tmp_path / "gan", log_dir=tmp_path / "log", epochs=3, pretrain_epochs=2)
    whole = sampler.fit_resample(*data)
    assert training.finished(tmp_path / "gan") and training.finished(tmp_path / "gan" / "pretraining")
    lengths = [
        len(training.curves(tmp_path / "log" / part)["losses/reconstruction_loss"])
        for part in ("", "pretraining")
    ]
    assert lengths == [3, 2]
    told = []
    read = clone(sampler).set_params(report=lambda *message: told.append(message)).fit_resample(*data)
    assert told == []
    for one, other in zip(read, whole, strict=True):
        np.testing.assert_array_equal(one, other)


def test_updates_come_before_epochs(data):
    """24 vectors and as many mixtures: eight batches an epoch."""
    sampler = tiny(updates=17, pretrain_updates=9, batch_size=6, epochs=50, pretrain_epochs=50).fit_model(
        *data
    )
    assert sampler.epochs_ == 2
    assert int(sampler.model_.optimizers["autoencoder"].iterations) == 16


def test_the_defaults_are_what_the_paper_prints():
    """Or, where it prints nothing, what its TOML assumes."""
    settings, given = papers.load("latif2020").settings("paper"), MixupGANSampler().get_params()
    for name in set(settings) & set(given) - {"epochs"}:
        assert given[name] == settings[name], name
    assert len(set(settings) & set(given)) >= 16
    assert given["scaling"] == "min-max"


def test_settings_reach_the_optimizers(data):
    rates = {"learning_rate": 0.1, "generator_learning_rate": 0.2, "discriminator_learning_rate": 0.3}
    found = tiny(**rates, beta_1=0.4).fit_model(*data).model_.optimizers
    assert [round(float(o.learning_rate), 4) for o in found.values()] == [0.1, 0.2, 0.3]
    assert [o.beta_1 for o in found.values()] == [0.9, 0.4, 0.4]


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        *[(name, 0) for name in ("latent", "pretrain_epochs", "alpha", "learning_rate")],
        *[(name, -1) for name in ("mixed_copies", "pretrain_updates", "generator_learning_rate")],
        *[("dropout", 1), ("beta_1", 1.0), ("leaky_relu_slope", 2), ("discriminator_learning_rate", 0.0)],
        *[(name, 800) for name in ("encoder_units", "decoder_units", "discriminator_units")],
    ],
)
def test_impossible_parameters_are_refused(data, parameter, value):
    with pytest.raises(InvalidParameterError, match=f"'{parameter}' parameter of MixupGANSampler"):
        tiny(**{parameter: value}).fit_resample(*data)


def test_clone_and_every_parameter_is_constrained():
    sampler = tiny(report=print, folder=Path("models"))
    assert clone(sampler).get_params() == sampler.get_params()
    assert set(MixupGANSampler._parameter_constraints) == set(sampler.get_params())
