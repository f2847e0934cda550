"""A tiny synthetic world: corpora of a dozen features and runs of papers that end in seconds."""

import importlib
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # before anything imports TensorFlow
# One thread, as a run's processes have: sums over several differ in the last bits. Before scikit-learn, too.
os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1")

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import hypothesis
import numpy as np
import pytest

# What is printed, and where stages are kept, is decided by the tests, not by whoever runs them.
for _name in ("COLUMNS", "LINES", "FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "TFSERGAN_STAGES"):
    os.environ.pop(_name, None)

# The same examples everywhere, as long as a slow machine takes for them; others: --hypothesis-profile=default.
hypothesis.settings.register_profile(
    "tests",
    derandomize=True,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("tests")

CLASSES = ("angry", "happy", "neutral", "sad")
FEATURES = (  # the twelve that figure 2 shows, so that the figure can be drawn
    *("pcm_loudness_sma_amean", "mfcc_sma[0]_amean", "mfcc_sma[6]_amean", "mfcc_sma[12]_stddev"),
    *("logMelFreqBand_sma[0]_amean", "logMelFreqBand_sma[4]_stddev", "lspFreq_sma[0]_amean"),
    *("lspFreq_sma[4]_amean", "F0finEnv_sma_amean", "voicingFinalUnclipped_sma_amean"),
    *("F0final_sma_amean", "jitterLocal_sma_amean"),
)
BAO2019 = {
    **{"generator_units": "6", "discriminator_units": "6", "domain_classifier_units": "5", "batch_size": "8"},
    **{"pretrain_iterations": "3", "gan_iterations": "3", "decay_iterations": "2", "checkpoint_epochs": "1"},
    **{"folds": "1", "repeats": "2", "lambda_cls": "0,2"},
    **{
        f"{task}.{column}.{name}": value
        for task in ("within", "cross")
        for column in ("real", "syn", "both")
        for name, value in (("units", "6"), ("updates", "4"), ("batch_size", "32"), ("learning_rate", "0.01"))
    },
}
YI2019 = {
    **{"latent": "3", "autoencoder_units": "5", "other_units": "4", "batch_size": "16", "updates": "9"},
    **{"folds": "1", "repeats": "2"},
    **{
        f"{role}.{name}": value
        for role in ("acted", "dialogue")
        for name, value in (("copies", "2"), ("other_copies", "1"), ("dnn.units", "5"), ("dnn.epochs", "2"))
    },
}
LI2020 = {
    **{
        "seconds": "0.5",
        "speeds": "0.9",
        "filters": "4,3",
        "recurrent_units": "3",
        "classifier_units": "4,3",
    },
    **{"batch_size": "16", "epochs": "3", "pairs": "1", "repeats": "1", "checkpoint_epochs": "1"},
}
SAHU2017 = {
    **{"units": "6", "code_discriminator_units": "5", "batch_size": "16", "updates": "9", "dropout": "0.1"},
    **{"folds": "1", "repeats": "2", "quality_repeats": "2", "samples": "4"},
}
SAHU2018 = {
    **{name: value for name, value in SAHU2017.items() if name != "samples"},
    **{"pretrain_updates": "6", "conditional.discriminator_units": "4", "vanilla.discriminator_units": "5"},
    **{"codes.units": "4", "codes.discriminator_units": "4", "codes.code_discriminator_units": "4"},
}
LATIF2020 = {
    **{
        "latent": "2",
        "encoded": "3",
        "encoder_units": "6,5",
        "decoder_units": "5,6",
        "discriminator_units": "6",
    },
    **{
        "autoencoder.encoder_units": "6,5,4",
        "autoencoder.decoder_units": "4,5,6",
        "autoencoder.updates": "6",
    },
    **{"batch_size": "32", "pretrain_updates": "6", "updates": "9", "folds": "1", "repeats": "2"},
    **{"mds.landmarks": "20", "mds.max_iter": "5", "svm.C": "1,10", "svm.gamma": "1"},
    **{
        f"{task}.{column}.{name}": value
        for task in ("within", "cross")
        for column in ("real", "syn", "both")
        for name, value in (("units", "6"), ("updates", "4"), ("batch_size", "32"), ("learning_rate", "0.01"))
    },
}
SU2021 = {
    **{"generator_units": "6,4,6", "discriminator_units": "5", "batch_size": "16", "checkpoint_epochs": "1"},
    **{"folds": "1", "repeats": "2", "pretrain_updates": "6", "gan_updates": "9", "patience": "2"},
    **{"classifier.units": "5", "recogniser.units": "5", "dann.encoder_units": "6,4", "dann.units": "4"},
    **{
        f"{name}_updates": "6"
        for group in ("classifier", "recogniser")
        for name in (f"{group}.activation", f"{group}.valence")
    },
    "dann.updates": "6",
}
TINY = {
    "bao2019": BAO2019,
    "latif2020": LATIF2020,
    "li2020": LI2020,
    "sahu2017": SAHU2017,
    "sahu2018": SAHU2018,
    "su2021": SU2021,
    "yi2019": YI2019,
}
"""What each paper's tiny run sets, as typed after --set."""


def make_corpus(name: str, seed: int, per_cell: int = 3, labelled: bool = True):
    """Six speakers in three sessions, `per_cell` utterances of each speaker and class, classes set apart."""
    from tfsergan.corpora import Corpus

    rng = np.random.default_rng(seed)
    speaker, emotion = (grid.ravel() for grid in np.meshgrid(range(6), range(4), indexing="ij"))
    speaker, emotion = np.repeat(speaker, per_cell), np.repeat(emotion, per_cell).astype(np.int32)
    centres = np.random.default_rng(0).normal(size=(len(CLASSES), len(FEATURES)))
    scales = 10.0 ** np.arange(-2, 4).repeat(2)  # raw functionals span magnitudes
    x = (rng.normal(size=(len(speaker), len(FEATURES))) + 1.5 * centres[emotion]) * scales
    arrays = {
        "x": x.astype(np.float32),
        "ids": np.array([f"{name}-{i:04d}" for i in range(len(x))]),
        "speaker": np.array([f"{name}-speaker{s}" for s in speaker]),
        "session": np.array([f"session{s // 2 + 1}" for s in speaker]),
        "gender": np.array([("female", "male")[s % 2] for s in speaker]),
        "part": np.array([("improvised", "scripted")[i % 2] for i in range(len(x))]),
        **dict.fromkeys(("valence", "activation", "dominance"), np.full(len(x), np.nan, np.float32)),
        "emotion": emotion if labelled else np.full(len(x), -1, np.int32),
    }
    return changed(
        Corpus(
            name=name,
            features="is10",
            feature_names=FEATURES,
            classes=CLASSES if labelled else (),
            fingerprint="",
            **arrays,
        )
    )


def make_frames(corpus, seed: int, mean_length: int = 40):
    """The corpus with frames of five channels in place of its vectors, classes set apart."""
    from tfsergan.ragged import Ragged

    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(0).normal(size=(len(CLASSES), 5))
    lengths = rng.integers(mean_length // 2, 3 * mean_length // 2, len(corpus))
    values = rng.normal(size=(lengths.sum(), 5)) + np.repeat(centres[corpus.emotion], lengths, axis=0)
    x = Ragged((values * 10.0 ** np.arange(5)).astype(np.float32), lengths)
    names = ("logmel[0]", "logmel[1]", "nccf", "log_energy", "f0")
    return replace(corpus, features="logmel", feature_names=names, x=x)


def changed(corpus, **arrays):
    """A corpus with other arrays, and the fingerprint that `load` would give it."""
    return replace(corpus, **arrays).select(slice(None))


def levels(corpus, task: str):
    """The corpus with low, mid and high for its four emotions."""
    by_emotion = {"activation": [2, 2, 1, 0], "valence": [0, 2, 1, 0]}[task]
    emotion = np.array(by_emotion, np.int32)[corpus.emotion]
    return changed(corpus, emotion=emotion, classes=("low", "mid", "high"))


def make_corpora(paper: str = "bao2019") -> dict:
    """A corpus by role of the paper."""
    if paper == "su2021":
        from tfsergan.errors import CorpusNotFound

        there = {"source": make_corpus("src", seed=6), "stand_in": make_corpus("far", seed=7, per_cell=2)}
        absent = CorpusNotFound("The corpus is not here.")
        return {
            f"{role}/{task}": levels(there[role], task) if role in there else absent
            for role in ("source", "msp", "cit", "stand_in")
            for task in ("activation", "valence")
        }
    if paper == "yi2019":
        acted = make_corpus("act", seed=4)
        x = acted.x.copy()
        x[:, 3] = 7.0  # a feature that does not vary
        acted = replace(changed(acted, x=x), features="is11")
        return {"acted": acted, "dialogue": make_corpus("dia", seed=5, per_cell=4)}
    if paper == "li2020":
        labelled = make_frames(make_corpus("lab", seed=6), seed=6)
        cross = make_frames(make_corpus("far", seed=7, per_cell=2), seed=7)
        happy = (cross.emotion == 1) | (np.arange(len(cross)) % 5 == 0)
        return {
            "labelled": changed(labelled, variants={"logmel-0.9": make_frames(labelled, seed=8).x}),
            "cross": changed(cross, ratings={"happiness": happy.astype(np.float32)}),
        }
    if paper.startswith("sahu"):
        labelled = make_corpus("lab", seed=1)
        x = labelled.x.copy()
        x[:, 3] = 7.0  # a feature that does not vary
        cross = {"cross": make_corpus("far", seed=3, per_cell=2)} if paper == "sahu2018" else {}
        return {"labelled": changed(labelled, x=x), **cross}
    if paper == "latif2020":
        return {"labelled": make_corpus("lab", seed=1), "cross": make_corpus("far", seed=3, per_cell=2)}
    return {
        "labelled": make_corpus("lab", seed=1),
        "source": make_corpus("src", seed=2, per_cell=2, labelled=False),
        "cross": make_corpus("far", seed=3, per_cell=2),
    }


def make_run(
    folder: Path, corpora: dict | None = None, protocol: str = "strict", paper: str = "bao2019", **options
):
    """A run of a paper on its tiny corpora, seconds long; `options` replace what `TINY` sets.

    Its stages are shared with runs beside it if `shared` is among them.
    """
    from tfsergan import papers, stages, training
    from tfsergan.evaluation import Run

    training.deterministic()
    spec = papers.load(paper)
    report = options.pop("report", None)
    seed = options.pop("seed", 0)
    shared = options.pop("shared", False)
    overrides = TINY[paper] | options
    return Run(
        folder=folder,
        paper=spec,
        settings=spec.settings("quick", overrides),
        schedule="quick",
        protocol=protocol,
        corpora=make_corpora(paper) if corpora is None else corpora,
        overrides=overrides,
        seed=seed,
        stages=stages.open_store(None, folder) if shared else None,
        **({"report": report} if report else {}),
    )


def reproduce(run, tables=None):
    """Measures these tables of a run, or all, as the command line does; a run that shares shares all its stages."""
    from tfsergan import stages

    script = importlib.import_module(f"tfsergan.reproductions.{run.paper.name}")
    with run.opened(f"tfsergan reproduce {run.paper.name}"):
        script.reproduce(run, tables or [table.number for table in run.paper.tables])
    if run.stages:
        unknown = [path for path, told in stages.finished(run.folder).items() if not told.get("digest")]
        assert not unknown, "the fingerprint of these stages is not known"
    return run


class Classifiers:
    """Every classifier that a run trains: what it was trained on and became; DNNs by task, SVMs in their order."""

    def __init__(self, patch: pytest.MonkeyPatch):
        from tfsergan.classifiers import DNN, SVM

        self.trained: dict[str, dict[str, np.ndarray | list[np.ndarray]]] = {}
        self.svms: list[dict[str, np.ndarray | list[np.ndarray]]] = []
        fit, fit_svm = DNN.fit, SVM.fit

        def recorded(dnn, x, y, *, task="classifier", **options):
            fit(dnn, x, y, task=task, **options)
            self.trained[task.strip()] = {"x": x.copy(), "y": y.copy(), "weights": dnn.network.get_weights()}
            return dnn

        def recorded_svm(svm, x, y):
            fit_svm(svm, x, y)
            weights = [svm.model.dual_coef_, svm.model.intercept_, svm.model.support_]
            self.svms.append({"x": x.copy(), "y": y.copy(), "weights": weights})
            return svm

        patch.setattr(DNN, "fit", recorded)
        patch.setattr(SVM, "fit", recorded_svm)


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """TensorFlow is told, too, before a test starts it: the digest of a stage has what it was told."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)


@pytest.fixture(autouse=True)
def own_data_dir(monkeypatch, tmp_path_factory):
    """No test reads or writes the prepared corpora of whoever runs it by accident."""
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path_factory.getbasetemp() / "tensorflow_datasets"))


@pytest.fixture
def tiny_corpora() -> dict:
    """A corpus by role of bao2019; twelve features, four classes, six speakers in three sessions."""
    return make_corpora()


@pytest.fixture
def yi2019_corpora() -> dict:
    """A corpus by role of yi2019, of the same kind; a feature of the acted one does not vary."""
    return make_corpora("yi2019")


@pytest.fixture
def alter() -> Callable:
    """`alter(corpus, x=...)`: the corpus with other arrays and the fingerprint they have."""
    return changed


@pytest.fixture(scope="session")
def tiny_run() -> Callable:
    """Makes a run: `tiny_run(folder, corpora, protocol="paper", paper="bao2019", gan_iterations="5", ...)`."""
    return make_run


@pytest.fixture
def measure_tables() -> Callable:
    """`measure_tables(run, (1, 2, 3))`: measures the tables of a run, as the command line does."""
    return reproduce


@pytest.fixture
def classifiers(monkeypatch) -> Classifiers:
    """Records the classifiers that this test's runs train."""
    return Classifiers(monkeypatch)


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A run of bao2019 with every table measured, and its classifiers; to be read, not changed."""
    with pytest.MonkeyPatch.context() as patch:
        recorded = Classifiers(patch)
        run = reproduce(make_run(tmp_path_factory.mktemp("finished") / "run", shared=True))
    return run, recorded.trained


@pytest.fixture
def finished_run(finished):
    return finished[0]


@pytest.fixture
def finished_classifiers(finished) -> dict:
    return finished[1]


@pytest.fixture(scope="session")
def finished_yi2019(tmp_path_factory):
    """A run of yi2019 with every table measured, and its classifiers; to be read, not changed."""
    with pytest.MonkeyPatch.context() as patch:
        recorded = Classifiers(patch)
        run = reproduce(make_run(tmp_path_factory.mktemp("finished_yi2019") / "run", paper="yi2019"))
    return run, recorded


@pytest.fixture(scope="session")
def finished_sahu2017(tmp_path_factory):
    """A run of sahu2017 with every table measured; to be read, not changed."""
    return reproduce(
        make_run(tmp_path_factory.mktemp("finished_sahu") / "sahu2017", paper="sahu2017", shared=True)
    )


@pytest.fixture(scope="session")
def finished_sahu2018(tmp_path_factory):
    """A run of sahu2018 with every table measured; to be read, not changed."""
    return reproduce(
        make_run(tmp_path_factory.mktemp("finished_sahu") / "sahu2018", paper="sahu2018", shared=True)
    )


@pytest.fixture
def li2020_corpora() -> dict:
    """A corpus by role of li2020: frames of five channels; the labelled one at two speeds, the other one rated."""
    return make_corpora("li2020")


@pytest.fixture(scope="session")
def finished_li2020(tmp_path_factory):
    """A run of li2020 with every table measured; to be read, not changed."""
    return reproduce(make_run(tmp_path_factory.mktemp("finished_li2020") / "run", paper="li2020"))


@pytest.fixture
def latif2020_corpora() -> dict:
    """A corpus by role of latif2020, of the same kind."""
    return make_corpora("latif2020")


@pytest.fixture(scope="session")
def finished_latif2020(tmp_path_factory):
    """A run of latif2020 with every table measured, and its classifiers; to be read, not changed."""
    with pytest.MonkeyPatch.context() as patch:
        recorded = Classifiers(patch)
        run = reproduce(make_run(tmp_path_factory.mktemp("finished_latif2020") / "run", paper="latif2020"))
    return run, recorded


def activation_alone(corpora: dict) -> dict:
    """The corpora of one task of su2021, which is half of the work."""
    absent = corpora["cit/activation"]
    return {role: corpus if role.endswith("activation") else absent for role, corpus in corpora.items()}


@pytest.fixture
def su2021_corpora() -> dict:
    """A corpus by role of su2021, three classes each, activation alone; the paper's targets are not there."""
    return activation_alone(make_corpora("su2021"))


@pytest.fixture(scope="session")
def finished_su2021(tmp_path_factory):
    """A run of su2021 with every table of activation measured, and its classifiers; to be read, not changed."""
    folder, corpora = tmp_path_factory.mktemp("finished_su2021") / "run", make_corpora("su2021")
    with pytest.MonkeyPatch.context() as patch:
        recorded = Classifiers(patch)
        run = reproduce(make_run(folder, activation_alone(corpora), paper="su2021", shared=True))
    return run, recorded


@pytest.fixture
def weights_in() -> Callable[[Path], dict[str, bytes]]:
    """Every array of a weights file by name; Keras numbers its layers by process, so bytes of files differ."""

    def read(path: Path) -> dict[str, bytes]:
        import h5py

        arrays = {}
        with h5py.File(path) as file:
            file.visititems(
                lambda name, item: (
                    arrays.update({name: item[()].tobytes()}) if hasattr(item, "dtype") else None
                )
            )
        assert arrays
        return arrays

    return read
