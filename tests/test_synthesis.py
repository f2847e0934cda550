"""Synthetic vectors from exported generators: what is written, where it comes from, and what is refused."""

import re

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from scipy.io import arff
from sklearn.preprocessing import MinMaxScaler

from tfsergan import catalogue, corpora, export, papers, synthesis
from tfsergan.errors import TfserganError, UsageError
from tfsergan.methods import cycle_gan
from tfsergan.methods.bao2019 import emotion_cycle_gan
from tfsergan.methods.latif2020 import mixup_gan
from tfsergan.methods.yi2019 import adan
from tfsergan.synthesis import synthesize

CLASSES = ("joy", "sadness")
FEATURES = ("F0 mean", "jitter", "it's [0]")
CARD = {
    **{"title": "Generators of a test", "paper": "A. Uthor (2026). A test.", "intended_use": "Tests."},
    **{"reproduction": "bao2019", "fold": "all", "setting": "lambda_cls=2", "seed": 7, "feature_set": "toy"},
    "versions": {"tfsergan": "0.1.0"},
}
SMALL = {
    **{"generator_units": (4,), "discriminator_units": (4,), "domain_classifier_units": (4,)},
    **{"latent": 2, "autoencoder_units": (4,), "other_units": (4,)},
    **{"encoder_units": (4,), "decoder_units": (4,)},
}


def settings(paper: str) -> dict:
    return {**papers.load(paper).settings("paper"), **SMALL}


@pytest.fixture(scope="module")
def raw() -> np.ndarray:
    """(5, 3) raw vectors of several magnitudes."""
    return (np.random.default_rng(0).normal(size=(5, 3)) * [100, 1e-3, 1]).astype(np.float32)


@pytest.fixture(scope="module")
def style(tmp_path_factory, raw):
    """An exported generator that transfers."""
    folder = tmp_path_factory.mktemp("style")
    scaler = MinMaxScaler().fit(raw)
    export.save_scalers(folder, scaler, scaler, FEATURES, CLASSES)
    gan = emotion_cycle_gan(settings("bao2019"), 3, 2, seed=1)
    return export.export_generators(gan.gen_G, folder, folder / "style", CARD)


@pytest.fixture(scope="module")
def sampler(tmp_path_factory):
    """An exported generator that samples."""
    folder = tmp_path_factory.mktemp("sampler")
    affine = {name: (float(i + 1), 0.5) for i, name in enumerate(FEATURES)}
    export.save_decoder_map(folder, {}, affine, FEATURES, CLASSES)
    method, card = adan(settings("yi2019"), 3, 2, seed=1), CARD | {"reproduction": "yi2019"}
    return export.export_sampler(
        method, export.load_decoder_map(folder), folder / "sampler", card | {"setting": "adan-0"}
    )


@pytest.fixture
def table(tmp_path, raw):
    """A feature table with speakers, sessions and labels."""
    frame = pd.DataFrame(raw, columns=FEATURES)
    frame.insert(0, "utterance", [f"u{i}" for i in range(5)])
    frame.insert(1, "speaker", ["a", "a", "b", "b", "b"])
    frame.insert(2, "session", ["1", "1", "2", "2", "2"])
    frame.insert(3, "emotion", ["joy", "joy", "sadness", "sadness", "joy"])
    frame.to_csv(tmp_path / "toy.csv", index=False)
    return tmp_path / "toy.csv"


def test_transfer_of_a_table(style, table, raw):
    made = synthesize(style, table)
    assert len(made) == 10
    assert made.feature_names == FEATURES
    function = tf.saved_model.load(str(style)).signatures["transfer"](features=tf.constant(raw))
    expected = np.concatenate([function[name] for name in CLASSES])
    np.testing.assert_array_equal(made.x, expected)
    assert made.emotion.tolist() == ["joy"] * 5 + ["sadness"] * 5
    columns = made.columns
    assert columns["utterance"][[0, 5]].tolist() == ["u0_joy", "u0_sadness"]
    assert len({*columns["utterance"]}) == 10
    assert columns["source_utterance"].tolist() == [f"u{i}" for i in range(5)] * 2
    assert columns["source_emotion"][:3].tolist() == ["joy", "joy", "sadness"]
    assert columns["speaker"].tolist() == ["a", "a", "b", "b", "b"] * 2
    first = {name: str(values[0]) for name, values in columns.items() if name.startswith("made_by")}
    assert re.fullmatch("[0-9a-f]{16}", first.pop("made_by_weights"))
    assert first == {
        **{"made_by": "style", "made_by_paper": "bao2019", "made_by_setting": "lambda_cls=2"},
        **{"made_by_fold": "all", "made_by_seed": "7", "made_by_version": "tfsergan 0.1.0"},
    }


def test_only_some_emotions(style, sampler, table):
    assert set(synthesize(style, table, emotion="sadness").emotion) == {"sadness"}
    assert (
        synthesize(sampler, n=2, emotion=["sadness", "joy"]).emotion.tolist() == ["joy"] * 2 + ["sadness"] * 2
    )
    with pytest.raises(UsageError, match=r"--emotion anger: sampler knows joy, sadness, and no other"):
        synthesize(sampler, n=2, emotion="anger")


def test_samples_depend_on_the_seed_alone(sampler):
    one, again, other = (synthesize(sampler, n=4, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.x, again.x)
    assert (one.x != other.x).any()
    assert not {*one.columns["utterance"]} & {*other.columns["utterance"]}
    assert set(one.columns["sample_seed"]) == {"1"}
    assert set(one.columns["speaker"]) == {"synthetic"}


def assert_same_vectors(some: np.ndarray, others: np.ndarray) -> None:
    """But for the last bits: some processors multiply two rows in another order than five."""
    scale = np.abs(others).max(axis=0)
    np.testing.assert_allclose(some / scale, others / scale, rtol=0, atol=1e-5)


def test_remade_vectors_keep_their_emotion(tmp_path, raw, table):
    scaler = MinMaxScaler().fit(raw)
    export.save_scalers(tmp_path, scaler, scaler, FEATURES, CLASSES)
    gan, scalers = mixup_gan(settings("latif2020"), 3, 2, seed=1), export.load_scalers(tmp_path)
    folder = export.export_autoencoder(gan, scalers, tmp_path / "mixup", CARD)
    made = synthesize(folder, table)
    assert made.emotion.tolist() == ["joy", "joy", "sadness", "sadness", "joy"]
    np.testing.assert_allclose(
        made.x, scaler.inverse_transform(gan.synthesize(scaler.transform(raw))), rtol=1e-4, atol=1e-5
    )
    some = synthesize(folder, table, emotion="sadness")
    assert some.columns["source_utterance"].tolist() == ["u2", "u3"]
    assert_same_vectors(some.x, made.x[2:4])


def test_carried_vectors_keep_their_emotion(tmp_path, raw, table):
    source, target = MinMaxScaler().fit(raw), MinMaxScaler().fit(3 * raw + 1)
    export.save_scalers(tmp_path, source, target, FEATURES, CLASSES)
    generators = cycle_gan.generators(settings("su2021"), 3, 2, [1])
    folder = export.export_translators(*generators, tmp_path, tmp_path / "translators", CARD)
    made = synthesize(folder, table)
    assert made.emotion.tolist() == ["joy", "joy", "sadness", "sadness", "joy"]
    assert made.columns["utterance"].tolist() == [f"u{i}_carried" for i in range(5)]
    expected = generators[0](source.transform(raw)[None], training=False)[0]
    np.testing.assert_allclose(target.transform(made.x), expected, rtol=1e-3, atol=1e-4)  # offsets cancel
    assert_same_vectors(synthesize(folder, table, emotion="sadness").x, made.x[2:4])
    frame = pd.read_csv(table)
    frame.assign(emotion=["joy", "joy", "sadness", "odd", "joy"]).to_csv(table, index=False)
    with pytest.raises(UsageError, match=r"utterance u3 is labelled 'odd'; .*`emotion` with joy, sadness"):
        synthesize(folder, table)
    frame.drop(columns="emotion").to_csv(table, index=False)
    with pytest.raises(UsageError, match="utterance u0 has no label"):
        synthesize(folder, table)
    from_frame = synthesize(folder, frame.drop(columns="session").set_index("utterance"))
    np.testing.assert_array_equal(from_frame.x, made.x)
    assert from_frame.columns["speaker"].tolist() == ["a", "a", "b", "b", "b"]


def test_carried_vectors_are_measured_among_the_whole_target(tmp_path, monkeypatch):
    manual_dir = tmp_path / "corpora"
    rng = np.random.default_rng(0)
    for name in ("labelled", "target"):
        frame = pd.DataFrame(rng.normal(size=(30, 3)).astype("f4"), columns=FEATURES)
        frame.insert(0, "utterance", [f"u{i:02d}" for i in range(30)])
        frame.insert(1, "speaker", "a")
        frame.insert(2, "emotion", ["joy", "joy", "sadness"] * 10)
        (manual_dir / name).mkdir(parents=True)
        frame.to_parquet(manual_dir / name / "toy.parquet", index=False)
    labelled = corpora.load("labelled", "toy", "own", manual_dir=manual_dir)
    target = corpora.load("target", "toy", None, manual_dir=manual_dir)
    scaler = MinMaxScaler().fit(target.x)
    export.save_scalers(tmp_path, scaler, scaler, FEATURES, CLASSES)
    networks = cycle_gan.generators(settings("su2021"), 3, 2, [1])
    generator = synthesis.Generator(
        export.export_translators(*networks, tmp_path, tmp_path / "translators", CARD)
    )
    found = synthesis.quality_of(generator, labelled, target, seed=0)
    assert {*found} == {"nearest", "coverage", "two_sample"}
    carry = target.x[::-1].copy()
    monkeypatch.setattr(generator, "carry", lambda x, emotion: carry)
    copies = synthesis.quality_of(generator, labelled, target, seed=0)
    assert copies["nearest"] == 0
    assert copies["coverage"] == 1
    with pytest.raises(UsageError, match="trained on an unlabelled corpus too"):
        synthesis.quality_of(generator, labelled, None, seed=0)


@pytest.mark.parametrize("suffix", synthesis.SUFFIXES)
def test_a_written_table_is_a_corpus(style, table, tmp_path, suffix):
    made = synthesize(style, table)
    path = made.write(tmp_path / "corpora" / "made" / f"toy{suffix}")
    read = catalogue.read_features(path)
    assert read.feature_names == FEATURES
    np.testing.assert_array_equal(read.x, made.x)
    for name in ("speaker", "session", "emotion"):
        np.testing.assert_array_equal(getattr(read, name), made.columns[name])
    np.testing.assert_array_equal(read.ids, made.columns["utterance"])
    corpus = corpora.load("made", "toy", "own", manual_dir=tmp_path / "corpora", data_dir=tmp_path / "data")
    assert corpus.classes == CLASSES
    assert np.bincount(corpus.emotion).tolist() == [5, 5]


def test_other_programs_read_what_is_written(sampler, tmp_path):
    made = synthesize(sampler, n=3)
    frame = pd.read_csv(made.write(tmp_path / "a.csv"))
    assert tuple(frame.columns[-3:]) == FEATURES
    np.testing.assert_array_equal(frame[list(FEATURES)].to_numpy(np.float32), made.x)
    frame = pd.read_parquet(made.write(tmp_path / "a.parquet"))
    assert (frame[list(FEATURES)].dtypes == np.float32).all()
    text = made.write(tmp_path / "a.arff").read_text(encoding="utf-8")
    numeric = re.sub(r"^@attribute .* string\n", "", text, flags=re.M)
    numeric = re.sub(r"^'.*',(?=[-\d])", "", numeric, flags=re.M)  # scipy reads no text
    values, _ = arff.loadarff((tmp_path / "numbers.arff").write_text(numeric) and tmp_path / "numbers.arff")
    np.testing.assert_array_equal(np.array(values.tolist(), np.float32), made.x)


def test_corpora_and_data_frames_are_features_too(style, table, raw, tmp_path):
    by_file = synthesize(style, table)
    frame = pd.DataFrame(raw, columns=FEATURES, index=[f"u{i}" for i in range(5)])
    by_frame = synthesize(style, frame)
    np.testing.assert_array_equal(by_frame.x, by_file.x)
    np.testing.assert_array_equal(by_frame.columns["utterance"], by_file.columns["utterance"])
    assert "speaker" not in by_frame.titles
    (tmp_path / "c" / "mine").mkdir(parents=True)
    table.rename(tmp_path / "c" / "mine" / "toy.csv")
    corpus = corpora.load("mine", "toy", "own", manual_dir=tmp_path / "c", data_dir=tmp_path / "data")
    by_corpus = synthesize(style, corpus)
    assert by_corpus.columns.keys() == by_file.columns.keys()
    for name in by_corpus.titles[:-3]:
        np.testing.assert_array_equal(by_corpus.columns[name], by_file.columns[name])


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (
            ["F0 mean", "it's [0]", "jitter"],
            r"another order .*column 2 is \"it's \[0\]\" and should be 'jitter'",
        ),
        (
            ["F0 mean", "jitter", "shimmer"],
            r"1 missing \(\"it's \[0\]\"\) and 1 that it does not know \('shimmer'\)",
        ),
        (
            ["F0 mean", "jitter"],
            r"not the 3 features \(toy\) that .* was trained on: 1 missing \(\"it's \[0\]\"\)\. ",
        ),
    ],
)
def test_other_features_or_another_order_are_refused(style, raw, names, told):
    with pytest.raises(UsageError, match=told):
        synthesize(style, pd.DataFrame(raw[:, : len(names)], columns=names))


def test_a_value_that_is_missing_is_told_with_its_row(style, table, raw):
    lines = table.read_text().splitlines()
    lines[3] = ",".join([*lines[3].split(",")[:-1], ""])
    table.write_text("\n".join(lines) + "\n")
    with pytest.raises(TfserganError, match=r"(?s)toy.csv.*row 3.*'u2'.*it's \[0\].*missing"):
        synthesize(style, table)
    frame = pd.DataFrame(raw, columns=FEATURES, index=list("vwxyz"))
    frame.iloc[1, 2] = np.nan
    with pytest.raises(TfserganError, match=r"row 'w', column \"it's \[0\]\""):
        synthesize(style, frame)


def test_what_a_generator_cannot_do(style, sampler, table, tmp_path):
    with pytest.raises(UsageError, match=r"style transforms vectors .*--features FILE"):
        synthesize(style, n=3)
    with pytest.raises(UsageError, match=r"sampler samples vectors .*--samples N"):
        synthesize(sampler, table)
    with pytest.raises(UsageError, match="--samples 0: at least 1"):
        synthesize(sampler, n=0)
    with pytest.raises(UsageError, match="--fold and --setting choose among a run's generators"):
        synthesize(sampler, n=1, setting="adan-1")
    with pytest.raises(TfserganError, match=r"neither an exported generator \(no card.toml\) nor a run"):
        synthesize(tmp_path, n=1)
    with pytest.raises(UsageError, match="there is no such file"):
        synthesize(style, tmp_path / "nowhere.csv")


def test_other_signatures_are_named(sampler, tmp_path):
    card = (sampler / "card.toml").read_text(encoding="utf-8")
    (tmp_path / "card.toml").write_text(card.replace('signature = "sample"', 'signature = "embed"'))
    with pytest.raises(
        UsageError, match=r"'embed' gives no table of vectors: .* transfer, recode, augment, sample"
    ):
        synthesize(tmp_path, n=1)


def test_damaged_generators(sampler, tmp_path):
    card = (sampler / "card.toml").read_text(encoding="utf-8")
    (tmp_path / "card.toml").write_text(card)
    with pytest.raises(TfserganError, match="the SavedModel can't be read"):
        synthesize(tmp_path, n=1)
    (tmp_path / "card.toml").write_text("signature = 'sample'\n")
    with pytest.raises(TfserganError, match=r"can't be read .lacks classes, features"):
        synthesize(tmp_path, n=1)


def test_nothing_is_overwritten_unasked_and_a_failure_leaves_what_was_there(sampler, tmp_path, monkeypatch):
    made, path = synthesize(sampler, n=1), tmp_path / "toy.csv"
    path.write_text("mine")
    with pytest.raises(UsageError, match=r"is there already.*--force"):
        made.write(path)

    def fails(made, temporary):
        temporary.write_text("half")
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setitem(synthesis.WRITERS, ".csv", fails)
        with pytest.raises(TfserganError, match="disk full"):
            made.write(path, force=True)
    assert [file.name for file in tmp_path.iterdir()] == ["toy.csv"]
    assert path.read_text() == "mine"
    made.write(path, force=True)
    assert len(catalogue.read_features(path).x) == 2
    with pytest.raises(UsageError, match=r"ends in .parquet, .csv, .arff"):
        made.write(tmp_path / "toy.txt")
