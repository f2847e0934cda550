"""Exported generators: the same vectors in a process that knows only TensorFlow, raw in and raw out."""

import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from sklearn.preprocessing import MinMaxScaler

from tfsergan import _toml, export, papers, training
from tfsergan.errors import TfserganError, UsageError
from tfsergan.evaluation import read_run
from tfsergan.methods.bao2019 import emotion_cycle_gan
from tfsergan.methods.latif2020 import mixup_gan
from tfsergan.methods.yi2019 import adan

LOAD = """
import sys
import numpy as np, tensorflow as tf
transfer = tf.saved_model.load(sys.argv[1]).signatures["transfer"]
vectors = transfer(features=tf.constant(np.load(sys.argv[2])))
np.savez(sys.argv[3], **{name: value.numpy() for name, value in vectors.items()})
assert "tfsergan" not in sys.modules
"""


def export_run(run, to, fold=None, setting=None):
    from tfsergan.reproductions import bao2019

    return bao2019.export_generators(run.folder, read_run(run.folder), to, fold, setting)


@pytest.fixture(scope="module")
def exported(finished, tmp_path_factory):
    """The SavedModel of one fold and setting; the run is that of the whole session."""
    return export_run(
        finished[0], tmp_path_factory.mktemp("export") / "my.generators", "session1", "lambda_cls=2"
    )


def test_a_fresh_process_with_tensorflow_alone_gives_the_same_raw_vectors(
    tmp_path, exported, finished_run, tiny_corpora
):
    source, labelled = tiny_corpora["source"], tiny_corpora["labelled"]
    np.save(tmp_path / "x.npy", source.x)
    arguments = [str(exported), str(tmp_path / "x.npy"), str(tmp_path / "out.npz")]
    done = subprocess.run(
        [sys.executable, "-c", LOAD, *arguments], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = np.load(tmp_path / "out.npz")
    assert set(found) == {"angry", "happy", "neutral", "sad"}

    source_scaler = MinMaxScaler().fit(source.x)
    scaler = MinMaxScaler().fit(labelled.x[labelled.session != "session1"].astype(np.float64))
    gan = emotion_cycle_gan(finished_run.settings, source.x.shape[1], 4, seed=99)
    training.load_weights(gan, finished_run.folder / "models" / "session1" / "lambda_cls=2")
    vectors = gan.transfer(source_scaler.transform(source.x))
    for name, expected in zip(("angry", "happy", "neutral", "sad"), vectors, strict=True):
        raw = scaler.inverse_transform(expected.astype(np.float64))
        scale = np.ptp(labelled.x, axis=0)
        np.testing.assert_allclose(found[name] / scale, raw / scale, rtol=1e-5, atol=1e-5)


def test_the_card_says_what_a_reader_needs(exported, tiny_corpora):
    card = _toml.loads((exported / "card.toml").read_text(encoding="utf-8"))
    assert tuple(card["features"]) == tiny_corpora["labelled"].feature_names
    assert card["classes"] == ["angry", "happy", "neutral", "sad"]
    assert (card["fold"], card["setting"], card["protocol"]) == ("session1", "lambda_cls=2", "strict")
    assert card["corpora"] == {"labelled": "lab, 72 utterances", "source": "src, 48 utterances"}
    assert "Bao" in card["paper"]
    assert card["intended_use"]
    assert card["versions"]["keras"]


def test_the_readme_shows_its_use(exported):
    text = (exported / "README.md").read_text(encoding="utf-8")
    assert 'tf.saved_model.load("' in text
    assert 'signatures["transfer"]' in text
    assert 'synthetic["angry"]' in text
    assert "(n, 12) float32, raw" in text
    assert str(exported.parent) not in text


def test_nothing_unfinished_is_left(exported):
    assert [path.name for path in exported.parent.iterdir()] == ["my.generators"]
    assert {path.name for path in exported.iterdir()} >= {
        "saved_model.pb",
        "variables",
        "card.toml",
        "README.md",
    }


def test_a_folder_in_use_is_refused_and_kept(tmp_path, finished_run):
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(TfserganError, match="is there already"):
        export_run(finished_run, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    with pytest.raises(TfserganError, match="is there already"):
        export_run(finished_run, tmp_path / "mine.txt")


def test_what_was_not_trained_is_a_usage_error(tmp_path, finished_run):
    with pytest.raises(UsageError, match=r"--fold session9: .*all, session1"):
        export_run(finished_run, tmp_path / "out", fold="session9")
    with pytest.raises(UsageError, match=r"--setting lambda_cls=3: .*lambda_cls=0, lambda_cls=2"):
        export_run(finished_run, tmp_path / "out", setting="lambda_cls=3")
    with pytest.raises(UsageError, match="--setting pretraining"):
        export_run(finished_run, tmp_path / "out", setting="pretraining")
    assert not list(tmp_path.iterdir())


def test_choose_takes_the_whole_corpus_first(finished_run, tmp_path):
    models = finished_run.folder / "models"
    assert export.choose(models, None, None, prefix="lambda_cls=") == (models / "all", "lambda_cls=0")
    with pytest.raises(TfserganError, match="no finished generators"):
        export.choose(tmp_path, None, None, prefix="lambda_cls=")
    for fold in ("acted-03", "acted-all", "acted-overall"):
        (tmp_path / fold / "adan-0").mkdir(parents=True)
        (tmp_path / fold / "adan-0" / training.WEIGHTS).touch()
    assert export.choose(tmp_path, None, None, prefix="adan-") == (tmp_path / "acted-all", "adan-0")


def test_an_old_runs_settings_count_not_todays(tmp_path, finished_run, monkeypatch):
    """A schedule that has since been changed must not keep a run's generators from being exported."""
    load = papers.load

    def changed(name):
        paper = load(name)
        width = papers.Value((9, 9), "quick schedule")
        paper.schedules["quick"]["generator_units"] = width
        return paper

    shutil.copytree(finished_run.folder, tmp_path / "run")
    run = read_run(tmp_path / "run")
    del run["run"]["overrides"]["generator_units"]  # then the schedule had it
    monkeypatch.setattr(papers, "load", changed)
    from tfsergan.reproductions import bao2019

    folder = bao2019.export_generators(tmp_path / "run", run, tmp_path / "out", None, None)
    assert (folder / "saved_model.pb").exists()


def test_scalers_survive_their_file(tmp_path):
    x = np.random.default_rng(0).normal(size=(9, 3)).astype(np.float32) * [1e-3, 1, 1e4] + [0, 5, 0]
    x[:, 1] = 5  # a feature that does not vary
    scalers = {"source": MinMaxScaler().fit(x), "target": MinMaxScaler().fit(2 * x)}
    export.save_scalers(tmp_path, scalers["source"], scalers["target"], ["a", "b", "c"], ["angry", "sad"])
    found = export.load_scalers(tmp_path)
    assert (found["features"], found["classes"]) == (["a", "b", "c"], ["angry", "sad"])
    for name, scaler in scalers.items():
        scaled = x * found[name]["scale"] + found[name]["offset"]
        np.testing.assert_allclose(scaled, scaler.transform(x), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("content", [None, b"{", b"{}", b"\xff"])
def test_missing_or_damaged_scalers_are_told(tmp_path, content):
    if content is not None:
        (tmp_path / export.SCALERS).write_bytes(content)
    with pytest.raises(TfserganError, match=r"scalers\.json: can't be read"):
        export.load_scalers(tmp_path)


# ---- the sampler of yi2019 --------------------------------------------------------------------------------

SAMPLE = """
import sys
import numpy as np, tensorflow as tf
sample = tf.saved_model.load(sys.argv[1]).signatures["sample"]
def made(emotion, n, seed):
    return sample(emotion=tf.constant(emotion), n=tf.constant(n), seed=tf.constant(seed))["features"].numpy()
np.savez(sys.argv[2], happy=made("happy", 5, 3), again=made("happy", 5, 3), more=made("happy", 8, 3),
         seed=made("happy", 5, 4), sad=made("sad", 5, 3), none=made("sad", 0, 3))
try:
    made("bored", 5, 3)
except tf.errors.InvalidArgumentError as error:
    print(error.message)
assert "tfsergan" not in sys.modules
"""


@pytest.fixture(scope="module")
def exported_sampler(finished_yi2019, tmp_path_factory):
    from tfsergan.reproductions import yi2019

    run, to = finished_yi2019[0].folder, tmp_path_factory.mktemp("export") / "sampler"
    return yi2019.export_generators(run, read_run(run), to, "acted-session1", "adan-1")


@pytest.fixture(scope="module")
def sampled(exported_sampler, tmp_path_factory):
    """What a process with TensorFlow alone samples, and what it says of an emotion that there is not."""
    out = tmp_path_factory.mktemp("sampled") / "out.npz"
    done = subprocess.run(
        [sys.executable, "-c", SAMPLE, str(exported_sampler), str(out)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return np.load(out), done.stdout


def test_a_fresh_process_samples_what_the_model_makes(sampled, finished_yi2019, yi2019_corpora):
    """Raw features: the decoder's, un-normed by training utterances, and those that never vary."""
    corpus = yi2019_corpora["acted"]
    train = corpus.x[corpus.session != "session1"].astype(np.float64)
    kept = np.ptp(train, axis=0) > 0
    model = adan(finished_yi2019[0].settings, kept.sum(), 4, seed=99)
    training.load_weights(model, finished_yi2019[0].folder / "models" / "acted-session1" / "adan-1")
    found, _ = sampled
    for emotion, name in ((1, "happy"), (3, "sad")):
        z = tf.random.stateless_normal((5, model.latent), (3, emotion))
        made = model.decoder_R(model.generate(tf.fill((5,), emotion), z)).numpy()
        raw = np.tile(train[0], (5, 1))
        raw[:, kept] = made * train[:, kept].std(axis=0) + train[:, kept].mean(axis=0)
        assert found[name].shape == (5, 12)
        scale = np.abs(train).max(axis=0)
        np.testing.assert_allclose(found[name] / scale, raw / scale, rtol=1e-4, atol=1e-5)
    assert kept.sum() == 11
    assert (found["happy"][:, ~kept] == 7).all()


def test_the_seed_decides_what_is_sampled(sampled):
    found, _ = sampled
    vary = np.ptp(found["happy"], axis=0) > 0
    np.testing.assert_array_equal(found["happy"], found["again"])
    assert found["more"].shape == (8, 12)
    for other in ("seed", "sad"):
        assert (found[other] != found["happy"])[:, vary].all()
    assert found["none"].shape == (0, 12)


def test_an_emotion_that_there_is_not_is_refused(sampled):
    assert "emotion is one of angry, happy, neutral, sad" in sampled[1]


def test_the_samplers_card(exported_sampler, yi2019_corpora):
    card = _toml.loads((exported_sampler / "card.toml").read_text(encoding="utf-8"))
    assert tuple(card["features"]) == yi2019_corpora["acted"].feature_names
    assert (card["signature"], card["fold"], card["setting"]) == ("sample", "acted-session1", "adan-1")
    assert card["feature_set"] == "is11"
    assert card["corpora"] == {"acted": "act, 72 utterances"}
    text = (exported_sampler / "README.md").read_text(encoding="utf-8")
    assert 'signatures["sample"]' in text
    assert 'made["features"]  # (5, 12)' in text


def test_the_readmes_lines_run(exported_sampler):
    text = (exported_sampler / "README.md").read_text(encoding="utf-8")
    code = text.partition("```python\n")[2].partition("```")[0].replace("FOLDER", str(exported_sampler))
    names = {}
    exec(code, names)
    assert names["made"]["features"].shape == (5, 12)


def test_an_adan_that_was_not_trained_is_a_usage_error(tmp_path, finished_yi2019):
    from tfsergan.reproductions import yi2019

    run = finished_yi2019[0].folder
    with pytest.raises(UsageError, match=r"--setting adan-7: .*adan-0, adan-1"):
        yi2019.export_generators(run, read_run(run), tmp_path / "out", None, "adan-7")
    assert export.choose(run / "models", None, None, prefix="adan-") == (
        run / "models" / "acted-session1",
        "adan-0",
    )


@pytest.mark.parametrize(
    "content", [None, b"{", b"{}", b"[]", b'{"classes": [], "features": ["a"], "constant": {}, "affine": {}}']
)
def test_a_missing_or_damaged_decoder_map_is_told(tmp_path, content):
    if content is not None:
        (tmp_path / export.DECODER_MAP).write_bytes(content)
    with pytest.raises(TfserganError, match=r"decoder\.json: can't be read"):
        export.load_decoder_map(tmp_path)


def test_a_decoder_map_survives_its_file(tmp_path):
    export.save_decoder_map(
        tmp_path, {"b": 7.0}, {"c": (2.0, 0.5), "a": (1e-3, 1e4)}, ["a", "b", "c"], ["angry", "sad"]
    )
    found = export.load_decoder_map(tmp_path)
    assert (found["classes"], found["features"], found["kept"]) == (
        ["angry", "sad"],
        ["a", "b", "c"],
        ["c", "a"],
    )
    outputs = np.array([[10.0, 20.0]])  # of c and a
    raw = outputs[:, found["position"]] * found["scale"] + found["offset"]
    np.testing.assert_allclose(raw, [[1e4 + 0.02, 7.0, 20.5]], rtol=1e-6)


# ---- encoder and generator of latif2020 ----------------------------------------------------------------------

RECODE = """
import sys
import numpy as np, tensorflow as tf
recode = tf.saved_model.load(sys.argv[1]).signatures["recode"]
made = recode(features=tf.constant(np.load(sys.argv[2])))
np.savez(sys.argv[3], **{name: value.numpy() for name, value in made.items()})
assert "tfsergan" not in sys.modules
"""


@pytest.mark.slow
def test_a_fresh_process_recodes_as_the_gan_does(tmp_path, finished_latif2020, latif2020_corpora):
    from tfsergan.reproductions import latif2020

    run, corpus = finished_latif2020[0], latif2020_corpora["labelled"]
    to = latif2020.export_generators(
        run.folder, read_run(run.folder), tmp_path / "out", "session1", "latent3-1"
    )
    np.save(tmp_path / "x.npy", corpus.x)
    arguments = [str(to), str(tmp_path / "x.npy"), str(tmp_path / "made.npz")]
    done = subprocess.run(
        [sys.executable, "-c", RECODE, *arguments], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = np.load(tmp_path / "made.npz")

    scaler = MinMaxScaler().fit(corpus.x[corpus.session != "session1"].astype(np.float64))
    gan = mixup_gan(run.settings, 12, 3, seed=99)
    training.load_weights(gan, run.folder / "models" / "session1" / "latent3-1")
    scaled = scaler.transform(corpus.x).astype(np.float32)
    np.testing.assert_allclose(found["encoded"], gan.encode(scaled), rtol=1e-3, atol=1e-4)
    scale = np.ptp(corpus.x, axis=0)
    raw = scaler.inverse_transform(gan.synthesize(scaled).astype(np.float64))
    np.testing.assert_allclose(found["features"] / scale, raw / scale, rtol=1e-3, atol=1e-4)

    card = _toml.loads((to / "card.toml").read_text(encoding="utf-8"))
    assert (card["signature"], card["fold"], card["setting"]) == ("recode", "session1", "latent3-1")
    assert card["corpora"] == {"labelled": "lab, 72 utterances"}
    assert 'made["encoded"]  # (n, 3)' in (to / "README.md").read_text(encoding="utf-8")
    with pytest.raises(UsageError, match=r"--setting latent9-0: .*latent2-0, latent2-1"):
        latif2020.export_generators(
            run.folder, read_run(run.folder), tmp_path / "no", "session1", "latent9-0"
        )
