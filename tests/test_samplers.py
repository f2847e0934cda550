"""ADAN as an imbalanced-learn sampler: its checks, pipelines, folders, labels and refusals."""

import itertools
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from imblearn.pipeline import make_pipeline
from imblearn.utils.estimator_checks import parametrize_with_checks
from sklearn.base import clone
from sklearn.model_selection import cross_val_score
from sklearn.svm import SVC
from sklearn.utils._param_validation import InvalidParameterError

from tfsergan import papers, training
from tfsergan.errors import TfserganError
from tfsergan.methods.sahu2017 import AAE
from tfsergan.methods.sahu2018 import ConditionalGAN, VanillaGAN
from tfsergan.methods.yi2019 import ADAN, Undecided
from tfsergan.samplers import TRAINED_ON, AAESampler, ADANSampler, ConditionalGANSampler, VanillaGANSampler

pytestmark = pytest.mark.filterwarnings("ignore:Even though the .*run_functions_eagerly")

TINY = {
    **{"latent": 3, "autoencoder_units": (5,), "other_units": (4,), "random_state": 0},
    **{"epochs": 1, "batch_size": 1000, "learning_rate": 0.01},
}


AAE_TINY = {
    **{"units": (5,), "code_discriminator_units": (4,), "random_state": 0, "dropout": 0.1},
    **{"epochs": 1, "batch_size": 1000, "learning_rate": 0.01},
}
GAN_TINY = AAE_TINY | {"discriminator_units": (4,), "pretrain_epochs": 1, "gan_learning_rate": 0.01}


@pytest.fixture(autouse=True)
def eager():
    """A graph takes longer to trace than these networks to train; the method's own tests compare both."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def tiny(**options) -> ADANSampler:
    return ADANSampler(**TINY | options)


@pytest.fixture
def data() -> tuple[np.ndarray, np.ndarray]:
    """Vectors (24, 4) of classes with 12, 8 and 4 of them, mixed; features of several magnitudes."""
    y = np.random.default_rng(1).permutation(np.repeat([0, 1, 2], [12, 8, 4]))
    x = np.random.default_rng(0).normal(size=(24, 4)) + 4 * y[:, None]
    return x * [1, 1e-3, 1e3, 1], y


SAHU = (AAESampler(**AAE_TINY), VanillaGANSampler(**GAN_TINY), ConditionalGANSampler(**GAN_TINY))


@parametrize_with_checks([tiny()])
def test_imbalanced_learns_own_checks(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks(list(SAHU))
def test_imbalanced_learns_own_checks_of_sahu(estimator, check):
    check(estimator)


# ---- what is added ----------------------------------------------------------------------------------------


def test_classes_are_balanced(data):
    sampler = tiny()
    x, y = sampler.fit_resample(*data)
    assert np.bincount(y).tolist() == [12, 12, 12]
    np.testing.assert_array_equal(x[:24], data[0])
    np.testing.assert_array_equal(y[:24], data[1])
    assert isinstance(sampler.model_, ADAN)
    assert sampler.classes_.tolist() == [0, 1, 2]
    assert sampler.epochs_ == 1


def test_copies_are_sets_of_the_training_sets_proportions(data):
    x, y = tiny(copies=2).fit_resample(*data)
    assert np.bincount(y).tolist() == [36, 24, 12]
    assert np.isfinite(x).all()


@pytest.mark.parametrize("labels", [np.array(["sad", "joy", "fear"]), np.array([7, -1, 3])])
def test_labels_may_be_anything_that_sorts(data, labels):
    sampler = tiny(copies=1)
    x, y = sampler.fit_resample(data[0], labels[data[1]])
    assert sampler.classes_.tolist() == sorted(labels)
    assert sorted(y[24:]) == sorted(labels[data[1]])
    np.testing.assert_array_equal(x[24:], sampler.sample(y[24:], sampler.seed_ + 2).astype(x.dtype))
    emotion = [sorted(labels).index(label) for label in y[24:]]
    made = sampler.model_.synthesize(np.array(emotion), sampler.seed_ + 2)
    np.testing.assert_allclose(x[24:], sampler.scaler_.inverse_transform(made))


def test_a_class_of_one_vector(data):
    x, y = np.vstack([data[0], [30.0] * 4]), np.append(data[1], 3)
    assert np.bincount(tiny().fit_resample(x, y)[1]).tolist() == [12, 12, 12, 12]


@pytest.mark.parametrize("scaling", ["none", "z-norm", "largest magnitude"])
def test_networks_see_scaled_vectors_and_samples_are_on_the_scale_of_the_data(data, scaling, monkeypatch):
    seen = []
    monkeypatch.setattr(training, "train", lambda model, batches, *_, **__: seen.append(batches.x.numpy()))
    x, y = data
    sampler = tiny(scaling=scaling).fit_model(x, y)
    expected = {
        "none": x,
        "z-norm": (x - x.mean(axis=0)) / x.std(axis=0),
        "largest magnitude": x / abs(x).max(axis=0),
    }
    np.testing.assert_allclose(seen[0], expected[scaling], rtol=1e-4, atol=1e-6)
    made = sampler.model_.synthesize(y, seed=5)
    back = {
        "none": made,
        "z-norm": made * x.std(axis=0) + x.mean(axis=0),
        "largest magnitude": made * abs(x).max(axis=0),
    }
    np.testing.assert_allclose(sampler.sample(y, seed=5), back[scaling], rtol=1e-4)


@pytest.mark.parametrize("scaling", ["none", "z-norm", "largest magnitude", "min-max"])
def test_a_feature_that_never_varies_keeps_its_value(data, scaling):
    x = np.insert(data[0], 2, [7.0], axis=1)
    made = tiny(scaling=scaling).fit_resample(x, data[1])[0][24:]
    np.testing.assert_array_equal(made[:, 2], 7.0)
    assert (np.ptp(np.delete(made, 2, axis=1), axis=0) > 0).all()


def test_it_makes_vectors_of_the_classes_it_was_shown():
    """Two classes far apart: what is made of one lies on its side."""
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [40, 24])
    x = rng.normal(size=(64, 4)) + 8 * y[:, None]
    x_new, y_new = tiny(epochs=60, batch_size=64, learning_rate=0.02, copies=1).fit_resample(x, y)
    np.testing.assert_array_equal(x_new[64:].mean(axis=1) > 4, y_new[64:] == 1)


# ---- scikit-learn's ways ------------------------------------------------------------------------------------


def test_random_state_decides(data):
    def vectors(**options) -> np.ndarray:
        return tiny(copies=1, **options).fit_resample(*data)[0][24:]

    np.testing.assert_array_equal(vectors(random_state=1), vectors(random_state=1))
    np.testing.assert_array_equal(vectors(random_state=np.random.RandomState(1)), vectors(random_state=1))
    assert (vectors(random_state=1) != vectors(random_state=2)).any()
    assert (vectors(random_state=None) != vectors(random_state=None)).any()


def test_clone_and_parameters():
    sampler = tiny(report=print, folder=Path("models"), activation="leaky_relu")
    assert clone(sampler).get_params() == sampler.get_params()
    assert sampler.set_params(copies=3, latent=7).get_params()["latent"] == 7
    assert "report" in sampler.get_params()
    assert "latent=7" in repr(sampler)


def test_the_defaults_are_what_the_paper_prints():
    """But for the number of epochs, which it does not, and the scaling, which its features have been through."""
    settings, given = papers.load("yi2019").settings("paper"), ADANSampler().get_params()
    for name in set(settings) & set(given) - {"epochs", "scaling"}:
        assert given[name] == settings[name], name
    assert len(set(settings) & set(given)) >= 16


def test_numbers_may_be_numpys(data):
    """As a search over parameters gives them."""
    numbers = {name: np.int64(TINY[name]) for name in ("latent", "epochs", "batch_size")}
    units = {name: np.array(TINY[name]) for name in ("autoencoder_units", "other_units")}
    x, _ = tiny(**numbers, **units, learning_rate=np.float64(0.01)).fit_resample(*data)
    np.testing.assert_array_equal(x, tiny().fit_resample(*data)[0])


def test_the_papers_choices_are_the_samplers():
    for name, value in papers.load("yi2019").hyperparameters.items():
        if value.choices and name in ADANSampler._parameter_constraints:
            (constraint,) = ADANSampler._parameter_constraints[name]
            assert set(value.choices) == constraint.options, name


def test_data_frames_keep_their_names(data):
    x = pd.DataFrame(data[0].astype(np.float32), columns=["F0", "jitter", "loudness", "shimmer"])
    vectors, labels = tiny(copies=1).fit_resample(x, pd.Series(data[1], name="emotion"))
    assert list(vectors.columns) == list(x.columns)
    assert (vectors.dtypes == np.float32).all()
    assert labels.name == "emotion"
    pd.testing.assert_frame_equal(vectors[:24], x)


def test_in_a_pipeline_with_an_svm(data):
    y = np.repeat([0, 1], [30, 15])
    x = np.random.default_rng(0).normal(size=(45, 4)) + 6 * y[:, None]
    scores = cross_val_score(make_pipeline(tiny(), SVC()), x, y, cv=3, error_score="raise")
    assert (scores > 0.9).all()


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        *[(name, 0) for name in ("latent", "discriminator_updates", "batch_size", "epochs", "copies")],
        *[("learning_rate", 0.0), ("epsilon", 0), ("beta_1", 1.0), ("leaky_relu_slope", 2), ("updates", -1)],
        *[("activation", "relu6"), ("scaling", "unit length"), ("generator_loss", "equation 7")],
        *[("precision", "float16"), ("stop_after", -1), ("stop_within", 0.6), ("report", None), ("task", 3)],
        *[("autoencoder_units", 800), ("other_units", "100"), ("folder", 3), ("log_dir", 3)],
    ],
)
def test_impossible_parameters_are_refused(data, parameter, value):
    with pytest.raises(InvalidParameterError, match=f"'{parameter}' parameter of ADANSampler"):
        tiny(**{parameter: value}).fit_resample(*data)


def test_every_parameter_is_constrained():
    assert set(ADANSampler._parameter_constraints) == set(ADANSampler().get_params())


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(data, bad):
    data[0][3, 1] = bad
    with pytest.raises(ValueError, match=r"NaN|infinity"):
        tiny().fit_resample(*data)


# ---- training ---------------------------------------------------------------------------------------------


class Interrupted(Exception):
    pass


def test_a_folder_resumes_and_a_finished_one_is_read(tmp_path, data, monkeypatch):
    def report(task: str, done: int, epochs: int) -> None:
        told.append((task, done, epochs))
        if fail and done == 3:
            raise Interrupted

    clock = SimpleNamespace(monotonic=itertools.count(1).__next__)  # each epoch is reported
    monkeypatch.setattr(training, "time", clock)
    monkeypatch.setitem(training.train.__kwdefaults__, "checkpoint_epochs", 2)
    options = {"copies": 1, "epochs": 4, "batch_size": 10}
    whole = tiny(**options).fit_resample(*data)
    sampler = tiny(folder=str(tmp_path / "adan"), report=report, task="fold 1", **options)
    told, fail = [], True
    with pytest.raises(Interrupted):
        sampler.fit_resample(*data)
    assert not training.finished(tmp_path / "adan")
    told, fail = [], False
    resumed = clone(sampler).fit_resample(*data)
    assert told == [("fold 1", done, 4) for done in (2, 3, 4)]
    told = []
    read = clone(sampler).fit_resample(*data)
    assert told == []
    for vectors, labels in (resumed, read):
        np.testing.assert_array_equal(vectors, whole[0])
        np.testing.assert_array_equal(labels, whole[1])


def test_folds_that_share_a_folder_are_refused(tmp_path):
    """Else the later ones would test on what the first one's weights have seen."""
    y = np.repeat([0, 1], [30, 15])
    x = np.random.default_rng(0).normal(size=(45, 4)) + 6 * y[:, None]
    pipeline = make_pipeline(tiny(folder=tmp_path / "shared"), SVC())
    with pytest.raises(TfserganError, match=r"shared/trained_on\.txt: .*`folder` of its own"):
        cross_val_score(pipeline, x, y, cv=3, error_score="raise")


@pytest.mark.parametrize(
    "change",
    [{"latent": 4}, {"random_state": 1}, {"epochs": 2}, {"scaling": "none"}, {"other_units": (4, 4)}],
    ids=str,
)
def test_a_folder_of_other_parameters_is_refused(tmp_path, data, change):
    tiny(folder=tmp_path).fit_model(*data)
    with pytest.raises(TfserganError, match=r"trained_on\.txt"):
        tiny(folder=tmp_path, **change).fit_model(*data)


@pytest.mark.parametrize("change", ["value", "label", "class", "order"])
def test_a_folder_of_other_data_is_refused(tmp_path, data, change):
    x, y = data
    tiny(folder=tmp_path).fit_model(x, y)
    others = {
        "value": (np.nextafter(x, np.inf), y),
        "label": (x, np.roll(y, 1)),
        "class": (x, np.array(["a", "b", "c"])[y]),
        "order": (x[::-1], y[::-1]),
    }
    with pytest.raises(TfserganError, match="was trained on other vectors or labels"):
        tiny(folder=tmp_path).fit_model(*others[change])


def test_what_decides_no_weights_may_change(tmp_path, data):
    first = tiny(folder=tmp_path).fit_model(*data)
    x, y = data
    units = {"autoencoder_units": [5], "other_units": np.array([4]), "task": "again", "log_dir": tmp_path}
    again = tiny(folder=str(tmp_path), copies=3, report=print, **units).fit_model(x.tolist(), y.tolist())
    np.testing.assert_array_equal(again.sample(y, 0), first.sample(y, 0))


def test_without_a_seed_a_folder_is_read(tmp_path, data):
    first, again = (tiny(folder=tmp_path, random_state=None).fit_model(*data) for _ in range(2))
    np.testing.assert_array_equal(again.sample(data[1], 0), first.sample(data[1], 0))


def test_folders_from_before_and_those_of_runs_are_taken_as_they_are(tmp_path, data):
    tiny(folder=tmp_path / "before").fit_model(*data)
    (tmp_path / "before" / TRAINED_ON).unlink()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.toml").touch()
    for folder in (tmp_path / "before", tmp_path / "run" / "models" / "fold" / "adan-0"):
        for vectors in (data[0], 2 * data[0]):
            tiny(folder=folder).fit_model(vectors, data[1])
        assert not (folder / TRAINED_ON).exists()


def test_updates_come_before_epochs(data):
    sampler = tiny(updates=10, batch_size=6, epochs=50).fit_model(*data)
    assert sampler.epochs_ == 2  # four batches an epoch
    assert tiny(updates=1, batch_size=6).fit_model(*data).epochs_ == 1


def test_the_stop_rule(data):
    """The authors' code: after so many epochs, once D's mean outputs are both near one half."""
    undecided = Undecided(after=200, within=0.01)
    logs = {"D_real": 0.505, "D_fake": 0.495}
    assert undecided(200, logs)
    assert not undecided(199, logs)
    assert not undecided(
        300, {"D_real": 0.95, "D_fake": 0.05}
    )  # it tells them apart; their mean says nothing
    assert not undecided(300, {"D_real": 0.7, "D_fake": 0.5})
    assert not undecided(300, {"D_real": 0.5, "D_fake": 0.47})
    # A tiny discriminator has decided nothing from the start.
    assert tiny(epochs=9, stop_after=3, stop_within=0.5).fit_model(*data).epochs_ == 3
    assert tiny(epochs=4, stop_after=0, stop_within=0.5).fit_model(*data).epochs_ == 4


def test_logs_where_told(tmp_path, data):
    tiny(log_dir=tmp_path / "log", epochs=2).fit_model(*data)
    assert {len(values) for values in training.curves(tmp_path / "log").values()} == {2}


def test_settings_reach_the_optimizers_and_the_method(data):
    sampler = tiny(beta_1=0.5, epsilon=1e-5, discriminator_updates=2, generator_loss="equation 5").fit_model(
        *data
    )
    for optimizer in sampler.model_.optimizers.values():
        assert (optimizer.beta_1, optimizer.epsilon) == (0.5, 1e-5)
        assert float(optimizer.learning_rate) == pytest.approx(0.01)
    assert int(sampler.model_.optimizers["discriminator"].iterations) == 2
    assert not sampler.model_.inverted_labels


# ---- the samplers of Sahu et al. ------------------------------------------------------------------------------


@pytest.mark.parametrize(("sampler", "method"), zip(SAHU, (AAE, VanillaGAN, ConditionalGAN), strict=True))
def test_samplers_of_sahu_balance_and_copy(sampler, method, data):
    x, y = clone(sampler).fit_resample(*data)
    assert np.bincount(y).tolist() == [12, 12, 12]
    np.testing.assert_array_equal(x[:24], data[0])
    grown = clone(sampler).set_params(copies=1)
    made = grown.fit_resample(*data)
    assert np.bincount(made[1]).tolist() == [24, 16, 8]
    assert np.isfinite(made[0]).all()
    assert type(grown.model_) is method
    again = clone(sampler).set_params(copies=1).fit_resample(*data)
    np.testing.assert_array_equal(made[0], again[0])
    assert set(sampler._parameter_constraints) == set(sampler.get_params())


@pytest.mark.parametrize("sampler", SAHU[1:])
def test_gan_samplers_train_an_autoencoder_first(sampler, data, tmp_path, monkeypatch):
    told = []
    fitted = clone(sampler).set_params(
        folder=tmp_path / "gan", log_dir=tmp_path / "log", task="fold 1", pretrain_updates=3, epochs=2
    )
    fitted.set_params(report=lambda task, done, epochs: told.append((task, done, epochs)))
    fitted.fit_model(*data)
    assert [task for task, done, epochs in told if done == epochs] == ["fold 1, autoencoder", "fold 1"]
    assert (training.epochs_trained(tmp_path / "gan" / "autoencoder"), fitted.epochs_) == (3, 2)
    assert (tmp_path / "log" / "autoencoder").is_dir()
    emotion = np.array([0, 1, 2])
    start, end = (model.synthesize(emotion, 1) for model in (fitted.autoencoder_, fitted.model_))
    assert (start != end).all()
    told.clear()
    read = clone(fitted).fit_model(*data)
    assert told == []
    np.testing.assert_array_equal(read.model_.synthesize(emotion, 1), end)


def test_a_gan_may_start_at_random(data):
    sampler = ConditionalGANSampler(**GAN_TINY | {"pretrain_epochs": 0}).fit_model(*data)
    assert sampler.autoencoder_ is None
    assert np.isfinite(sampler.sample(data[1], seed=1)).all()


@pytest.mark.parametrize(
    ("name", "group"), [("sahu2017", ""), ("sahu2018", "vanilla"), ("sahu2018", "conditional")]
)
def test_defaults_of_sahu_are_those_of_their_tomls(name, group):
    """But for copies and the scaling, which the features have been through; the paper's batch is smaller."""
    s = papers.load(name).settings("paper")
    sampler = {"": AAESampler, "vanilla": VanillaGANSampler, "conditional": ConditionalGANSampler}[group]
    settings, given = {**s, **s.group(group)}, sampler().get_params()
    for parameter in set(settings) & set(given) - {"copies", "batch_size"}:
        assert given[parameter] == settings[parameter], parameter
