"""Emotion CycleGAN and CCEmoGAN as imbalanced-learn samplers: a second set of vectors, what is made, refusals."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from imblearn.pipeline import make_pipeline
from imblearn.utils.estimator_checks import parametrize_with_checks
from sklearn.base import clone
from sklearn.svm import SVC
from sklearn.utils._param_validation import InvalidParameterError

from tfsergan import papers, training
from tfsergan.augmentation import rows_over_and_over
from tfsergan.errors import TfserganError
from tfsergan.methods.bao2019 import EmotionCycleGAN
from tfsergan.methods.su2021 import CCEmoGAN
from tfsergan.samplers import CCEmoGANSampler, EmotionCycleGANSampler

pytestmark = pytest.mark.filterwarnings("ignore:Even though the .*run_functions_eagerly")

SHARED = {
    **{"random_state": 0, "epochs": 1, "pretrain_epochs": 1, "batch_size": 1000},
    **{"generator_units": (5, 4, 5), "discriminator_units": (4,), "learning_rate": 0.01},
}
CYCLE = SHARED | {"domain_classifier_units": (4,)}
CCEMO = SHARED | {"classifier_units": (5,), "classifier_epochs": 1}
SAMPLERS = (EmotionCycleGANSampler(**CYCLE), CCEmoGANSampler(**CCEMO))
OTHER = {EmotionCycleGANSampler: "source", CCEmoGANSampler: "target"}


@pytest.fixture(autouse=True)
def eager():
    """A graph takes longer to trace than these networks to train; the methods' own tests compare both."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture
def data() -> tuple[pd.DataFrame, pd.Series]:
    """Vectors (24, 4) of classes with 12, 8 and 4 of them; features of several magnitudes."""
    y = np.random.default_rng(1).permutation(np.repeat(["anger", "joy", "sadness"], [12, 8, 4]))
    x = np.random.default_rng(0).normal(size=(24, 4)) + 4 * np.unique(y, return_inverse=True)[1][:, None]
    frame = pd.DataFrame(x * [1, 1e-3, 1e3, 1], columns=["F0", "jitter", "loudness", "shimmer"])
    return frame, pd.Series(y, name="emotion")


@pytest.fixture
def other(data) -> pd.DataFrame:
    """Ten vectors without labels, elsewhere in space."""
    shift = np.random.default_rng(2).normal(size=(10, 4)) + 20
    return pd.DataFrame(shift * [1, 1e-3, 1e3, 1], columns=data[0].columns)


def given(sampler, other, **options):
    return clone(sampler).set_params(**{OTHER[type(sampler)]: other}, **options)


@pytest.mark.slow
@parametrize_with_checks([EmotionCycleGANSampler(**CYCLE | {"pretrain_epochs": 0})])
def test_imbalanced_learns_own_checks(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks([CCEmoGANSampler(**CCEMO)])
def test_imbalanced_learns_own_checks_of_ccemogan(estimator, check):
    check(estimator)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_frames_in_frames_out_and_which_rows_are_synthetic(sampler, data, other):
    fitted = given(sampler, other)
    x, y = fitted.fit_resample(*data)
    assert y.value_counts().to_dict() == {"anger": 12, "joy": 12, "sadness": 12}
    assert y.name == "emotion"
    assert list(x.columns) == list(fitted.feature_names_in_) == list(fitted.get_feature_names_out())
    assert fitted.synthetic_.tolist() == [False] * 24 + [True] * 12
    pd.testing.assert_frame_equal(x[~fitted.synthetic_], data[0])
    assert np.isfinite(x).all(axis=None)
    again, _ = clone(fitted).fit_resample(*data)
    pd.testing.assert_frame_equal(x, again, check_exact=True)
    different, _ = clone(fitted).set_params(random_state=1).fit_resample(*data)
    assert (different[24:].to_numpy() != x[24:].to_numpy()).any()


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_clone_and_constraints(sampler, other):
    options = given(sampler, other, folder=Path("models"))
    copied = clone(options).get_params()
    pd.testing.assert_frame_equal(copied.pop(OTHER[type(sampler)]), other)
    assert copied == {name: options.get_params()[name] for name in copied}
    assert set(sampler._parameter_constraints) == set(sampler.get_params())


def test_style_transfer_carries_every_source_vector_once_before_any_twice(data, other):
    sampler = given(SAMPLERS[0], other, copies=2).fit_model(data[0].to_numpy(), data[1].to_numpy())
    assert isinstance(sampler.model_, EmotionCycleGAN)
    low, high = other.min().to_numpy(), other.max().to_numpy()
    np.testing.assert_allclose(sampler.other_, (other - low) / (high - low), rtol=1e-5, atol=1e-6)
    labels = np.repeat(["anger", "sadness"], [13, 7])
    made = sampler.sample(labels, seed=3)
    drawn = sampler.drawn(np.repeat([0, 2], [13, 7]), seed=3)
    assert drawn.shape == (13, 4)
    assert len(np.unique(drawn[:10], axis=0)) == 10
    expected = sampler.model_.transfer(drawn)
    scale = np.ptp(data[0].to_numpy(), axis=0)
    np.testing.assert_allclose(
        made[:13] / scale, sampler.scaler_.inverse_transform(expected[0]) / scale, atol=1e-5
    )
    np.testing.assert_allclose(
        made[13:] / scale, sampler.scaler_.inverse_transform(expected[2, :7]) / scale, atol=1e-5
    )


def test_without_a_source_the_training_vectors_are_carried(data):
    sampler = clone(SAMPLERS[0]).fit_model(data[0].to_numpy(), data[1].to_numpy())
    np.testing.assert_array_equal(sampler.other_, sampler.scaler_.transform(data[0].to_numpy()).astype("f4"))


@pytest.mark.parametrize("kind", ["A", "B", "C"])
def test_kinds_of_ccemogan(kind, data, other):
    x, y = data[0].to_numpy(), data[1].to_numpy()
    sampler = given(SAMPLERS[1], other, kind=kind).fit_model(x, y)
    assert isinstance(sampler.model_, CCEmoGAN)
    labels = np.repeat(["joy", "anger"], [9, 3])
    made = sampler.sample(labels, seed=4)
    emotion = np.repeat([1, 0], [9, 3])
    scaled = sampler.scaler_.transform(x).astype(np.float32)
    rows = rows_over_and_over(y, labels)
    if kind == "C":
        t = sampler.drawn(emotion, seed=4)
        by_class = sampler.model_.type_c(t)[0][0].reshape(3, 9, 4)
        expected = np.concatenate([by_class[1], by_class[0, :3]])
    elif kind == "B":
        expected = sampler.model_.type_b(scaled[rows])[0]
    else:
        expected = sampler.model_.type_a(scaled[rows], emotion)[0]
    scaler = sampler.other_scaler_ if kind == "B" else sampler.scaler_
    scale = [1, 1e-3, 1e3, 1]
    np.testing.assert_allclose(made / scale, scaler.inverse_transform(expected) / scale, atol=1e-3)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_what_the_second_set_may_be(sampler, data, other):
    name = OTHER[type(sampler)]
    with pytest.raises(TfserganError, match=f"{name} has other columns than X"):
        given(sampler, other[other.columns[::-1]]).fit_resample(*data)
    with pytest.raises(TfserganError, match=rf"{name} has the shape \(10, 3\); expected rows of 4"):
        given(sampler, other.to_numpy()[:, :3]).fit_resample(*data)
    bad = other.to_numpy().copy()
    bad[7, 2] = np.nan
    with pytest.raises(TfserganError, match=f"{name}, row 7"):
        given(sampler, bad).fit_resample(*data)
    with pytest.raises(InvalidParameterError, match=f"'{name}' parameter of {type(sampler).__name__}"):
        given(sampler, "emodb").fit_resample(*data)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_finished_folder_is_read_and_stages_are_told(sampler, data, other, tmp_path):
    told = []
    options = {"folder": tmp_path / "gan", "log_dir": tmp_path / "log", "copies": 1, "epochs": 2}
    fitted = given(sampler, other, **options)
    fitted.set_params(report=lambda task, done, total: told.append((task, done, total)))
    whole = fitted.fit_resample(*data)
    stages = [task.partition(", ")[2] for task, done, total in told if done == total]
    assert stages == (["classifier"] if sampler is SAMPLERS[1] else []) + ["pretraining", ""]
    assert {len(v) for v in training.curves(tmp_path / "log").values()} == {2}
    told.clear()
    read = clone(fitted).fit_resample(*data)
    assert told == []
    pd.testing.assert_frame_equal(read[0], whole[0], check_exact=True)


def test_style_transfer_in_bfloat16(data, other):
    sampler = given(SAMPLERS[0], other, precision="mixed_bfloat16", copies=1)
    x, _ = sampler.fit_resample(*data)
    assert np.isfinite(x).all(axis=None)
    assert (x != given(SAMPLERS[0], other, copies=1).fit_resample(*data)[0]).any(axis=None)


def test_a_folder_of_another_source_is_refused(data, other, tmp_path):
    given(SAMPLERS[0], other, folder=tmp_path).fit_resample(*data)
    with pytest.raises(TfserganError, match=r"trained_on\.txt"):
        given(SAMPLERS[0], other + 1, folder=tmp_path).fit_resample(*data)


def test_in_a_pipeline(data, other):
    pipeline = make_pipeline(given(SAMPLERS[0], other), SVC()).fit(*data)
    assert set(pipeline.predict(data[0])) <= {"anger", "joy", "sadness"}


def test_defaults_of_style_transfer_are_those_of_its_toml():
    s = papers.load("bao2019").settings("paper")
    renamed = {"epochs": "gan_epochs", "updates": "gan_iterations", "decay_updates": "decay_iterations"}
    renamed["pretrain_updates"] = "pretrain_iterations"
    given = EmotionCycleGANSampler().get_params()
    names = {name: renamed.get(name, name) for name in given if renamed.get(name, name) in s}
    assert {name: given[name] for name in names if name != "lambda_cls"} == {
        name: s[key] for name, key in names.items() if name != "lambda_cls"
    }
    assert len(names) == 21
    assert given["lambda_cls"] in s.lambda_cls


def test_defaults_of_ccemogan_are_those_of_its_toml():
    s = papers.load("su2021").settings("paper")
    classifier = {"epochs": "activation_epochs", "updates": "activation_updates"}
    given, same = CCEmoGANSampler().get_params(), 0
    for name, value in given.items():
        key = {"epochs": "gan_epochs", "updates": "gan_updates"}.get(name, name)
        if name.startswith("classifier_"):
            short = name.removeprefix("classifier_")
            key = f"classifier.{classifier.get(short, short)}"
        if key in s:
            assert value == s[key], name
            same += 1
    assert same == 26
