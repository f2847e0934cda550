"""What every corpus's builder promises, on its dummy tree; the files beside this one look at each by itself."""

import importlib
import json
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from tfsergan.errors import CorpusNotFound, TfserganError

tfds = pytest.importorskip("tensorflow_datasets")

from tensorflow_datasets.core.dataset_metadata import valid_tags  # noqa: E402  (needs TFDS)

from tfsergan.datasets import common  # noqa: E402

DATASETS = Path(common.__file__).parent
NAMES = sorted(path.parent.name for path in DATASETS.glob("*/*_dataset_builder.py"))
CORPORA = sorted(path.parent.name for path in DATASETS.glob("*/layout.py"))
PUBLISHED = [name for name in CORPORA if name != "folder"]


def module(name: str, part: str):
    return importlib.import_module(f"tfsergan.datasets.{name}.{part}")


def builder(name: str) -> type:
    return module(name, f"{name}_dataset_builder").Builder


@pytest.fixture
def dummy(request, tmp_path) -> Path:
    """The dummy tree of a corpus in a folder of corpora."""
    folder = tmp_path / "corpora" / request.param
    module(request.param, "dummy_data").write(folder)
    return folder


def test_there_is_something_to_look_at():
    assert {"demo_speech", "emodb", "feature_table", "folder", "iemocap", "tedlium"} < set(NAMES)
    assert set(CORPORA) == set(NAMES) - {"demo_speech", "feature_table"}


@pytest.mark.parametrize("name", NAMES)
def test_a_builder_comes_with_its_documents(name):
    metadata = builder(name).get_metadata()
    assert metadata.description
    assert set(metadata.tags) <= set(valid_tags())
    assert metadata.citation.startswith("@") or name in ("feature_table", "folder")
    assert (DATASETS / name / "checksums.tsv").is_file()


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_readme_leads_to_a_prepared_corpus(name):
    readme = (DATASETS / name / "README.md").read_text(encoding="utf-8")
    for step in ("pip install", "TFSERGAN_MANUAL_DIR", f"tfsergan data check {name}"):
        assert step in readme, step
    assert re.search(rf"^ *tfsergan data prepare {name}", readme, re.MULTILINE)
    assert f"python -m tfsergan.datasets.{name}.dummy_data" in readme
    for config in common.CONFIGS:
        assert f"`{config}`" in readme, config


@pytest.mark.parametrize("name", [*PUBLISHED, "demo_speech"])
def test_configs_are_all_features(name):
    assert tuple(builder(name).builder_configs) == common.CONFIGS


@pytest.mark.parametrize("name", CORPORA)
def test_a_dummy_tree_is_written_from_the_command_line(name, tmp_path, monkeypatch):
    folder = tmp_path / "not yet" / name
    monkeypatch.setattr(sys, "argv", ["dummy_data", str(folder)])
    monkeypatch.delitem(sys.modules, module(name, "dummy_data").__name__)
    runpy.run_module(f"tfsergan.datasets.{name}.dummy_data", run_name="__main__")
    scan = module(name, "layout").scan(folder)
    assert len(scan.utterances) >= 4
    assert scan.problems == ()


@pytest.mark.parametrize("dummy", PUBLISHED, indirect=True)
def test_a_part_of_the_corpus_is_refused(dummy, build_audio):
    layout = module(dummy.name, "layout")
    found, whole = len(layout.scan(dummy).utterances), layout.PUBLISHED["utterances"]
    with pytest.raises(TfserganError, match=rf"(?s)utterances: {found} of {whole}\n.*--allow-partial"):
        build_audio(dummy.name, dummy.parent, allow_partial=False)


@pytest.mark.parametrize("name", PUBLISHED)
def test_an_empty_folder_is_explained(name, tmp_path, build_audio):
    (tmp_path / "corpora" / name).mkdir(parents=True)
    with pytest.raises(TfserganError, match=rf"holds none of {name}/|{name}/\S+: is not there"):
        build_audio(name, tmp_path / "corpora")


def test_nothing_usable_is_told_with_its_problems(tmp_path, build_audio):
    folder = tmp_path / "corpora" / "emodb"
    folder.mkdir(parents=True)
    (folder / "anger.wav").touch()
    with pytest.raises(TfserganError, match=r"anger\.wav: does not have the name") as caught:
        build_audio("emodb", folder.parent)
    assert not isinstance(caught.value, CorpusNotFound)
    assert "--allow-partial" not in str(caught.value)


def test_layouts_need_no_tensorflow():
    """They are pickled into the processes that extract, and openSMILE crashes beside TensorFlow."""
    names = [f"tfsergan.datasets.{name}.layout" for name in CORPORA]
    code = f"import sys, json, importlib\nfor n in {names}: importlib.import_module(n)\nprint(json.dumps([*sys.modules]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"tensorflow", "tensorflow_datasets"} & set(json.loads(done.stdout))
