import importlib.util
import shutil

import numpy as np
import pytest

tfds = pytest.importorskip("tensorflow_datasets")

from tensorflow_datasets.core import shuffle  # noqa: E402  (needs TFDS)

from tfsergan.datasets import common, layout  # noqa: E402
from tfsergan.datasets.emodb.emodb_dataset_builder import Builder  # noqa: E402
from tfsergan.features import extraction  # noqa: E402
from tfsergan.features.audio import SAMPLE_RATE, Recording, read_signal  # noqa: E402


def noise(number: int) -> Recording:
    samples = np.random.default_rng(number).normal(0, 0.1, 8000).astype(np.float32)
    return Recording(f"{number}", samples, SAMPLE_RATE)


def described(recording: Recording) -> layout.Utterance:
    return layout.Utterance(id=recording.id, speaker="s", valence=int(recording.id) / 2)


class Noise(common.SpeechBuilder, skip_registration=True):
    """Twelve utterances that need no corpus."""

    name = "noise"
    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = common.feature_configs()
    code_path, pkg_dir_path = Builder.code_path, Builder.pkg_dir_path
    jobs = 1

    def _split_generators(self, dl_manager):
        # Nothing of this module goes to the extracting processes, which could not import it.
        return {"labelled": self._examples([noise(i) for i in range(12)], read_signal, "noise", described)}


def build(folder, features, **attributes):
    builder = Noise(data_dir=folder, config=features)
    vars(builder).update(attributes)
    builder.download_and_prepare()
    found = tfds.as_numpy(builder.as_dataset(split="labelled", shuffle_files=False))
    return [
        {name: value.tobytes() if name == "features" else value for name, value in e.items()} for e in found
    ]


def same(one, two):
    """Whether two lists of examples are the same; NaN is equal to NaN."""
    return repr(one) == repr(two)


def test_configs_are_all_features_in_the_houses_order():
    assert [config.name for config in common.feature_configs()] == list(common.CONFIGS)
    assert set(common.CONFIGS) == set(extraction.FEATURES)


def test_a_split_too_large_for_memory_is_the_same(tmp_path, monkeypatch):
    pytest.importorskip("kaldi_native_fbank")
    first = build(tmp_path / "a", "logmel")
    usual = shuffle.MAX_MEM_BUFFER_SIZE
    monkeypatch.setattr(common, "BUFFER", 20_000)
    assert same(build(tmp_path / "b", "logmel"), first)
    assert len(first) == 12
    assert usual == shuffle.MAX_MEM_BUFFER_SIZE


@pytest.mark.skipif(not importlib.util.find_spec("apache_beam"), reason="apache-beam is an optional extra")
def test_beam_builds_the_same(tmp_path):
    pytest.importorskip("kaldi_native_fbank")
    first = build(tmp_path, "logmel")
    shutil.rmtree(tmp_path)
    told = []
    assert same(
        build(tmp_path, "logmel", beam="--runner=FnApiRunner", report=lambda *c: told.append(c)), first
    )
    assert told[:3] == [
        ("noise: logmel: Beam", 0, 1),
        ("noise: logmel: Beam", 1, 1),
        ("noise: logmel", 0, 12),
    ]
