"""Building a corpus from its dummy tree."""

import importlib
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def corpus(request, tmp_path) -> Path:
    """The dummy tree of the corpus that a test file is named after, in a folder of corpora."""
    name = request.path.stem.removeprefix("test_")
    folder = tmp_path / "corpora" / name
    importlib.import_module(f"tfsergan.datasets.{name}.dummy_data").write(folder)
    return folder


@pytest.fixture
def build_audio(tmp_path) -> Callable:
    """`build_audio("emodb", manual_dir)`: the examples of a builder's config "audio" by utterance.

    Takes a partial corpus by default; `config` may be one that the builder does not list.
    """
    tfds = pytest.importorskip("tensorflow_datasets")
    pytest.importorskip("soundfile")

    def build(name: str, manual_dir: Path, allow_partial: bool = True, config="audio") -> dict[str, dict]:
        module = importlib.import_module(f"tfsergan.datasets.{name}.{name}_dataset_builder")
        builder = module.Builder(data_dir=tmp_path / "data", config=config)
        builder.jobs = 1
        builder.allow_partial = allow_partial
        builder.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=manual_dir))
        examples = tfds.as_numpy(builder.as_dataset(split=builder.split))
        return {example["utterance"].decode(): example for example in examples}

    return build
