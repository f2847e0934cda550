"""Building a corpus from its dummy tree."""

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def build_audio(tmp_path) -> Callable:
    """`build_audio(Builder, manual_dir)`: the examples of the config "audio" by utterance; the corpus may be partial."""
    tfds = pytest.importorskip("tensorflow_datasets")
    pytest.importorskip("soundfile")

    def build(builder_class: type, manual_dir: Path, allow_partial: bool = True) -> dict[str, dict]:
        builder = builder_class(data_dir=tmp_path / "data", config="audio")
        builder.jobs = 1
        builder.allow_partial = allow_partial
        builder.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=manual_dir))
        examples = tfds.as_numpy(builder.as_dataset(split="labelled"))
        return {example["utterance"].decode(): example for example in examples}

    return build
