"""Which corpora there are, in which forms, which builder reads them, and which are prepared."""

import importlib
import importlib.util
import json
from pathlib import Path

import pytest

from tfsergan import catalogue, prepared
from tfsergan.errors import CorpusNotFound, TfserganError

DATASETS = Path(catalogue.layout_of("emodb").__file__).parents[1]
BUILDERS = sorted(path.parent.name for path in DATASETS.glob("*/*_dataset_builder.py"))
needs_folder = pytest.mark.skipif("folder" not in BUILDERS, reason="there is no builder `folder`")


@pytest.fixture
def manual_dir(tmp_path) -> Path:
    """A generic table, EmoDB audio, audio with metadata, and folders that hold no corpus."""
    manual = tmp_path / "manual"
    for name in ("own", "emodb/wav", "mine/audio", "empty", "notes"):
        (manual / name).mkdir(parents=True)
    (manual / "own" / "toy.csv").write_text("utterance,speaker,mfcc_a\nu1,s1,0.5\nu2,s2,1.5\n")
    (manual / "emodb" / "wav" / "03a01Wa.wav").write_bytes(b"RIFF")
    (manual / "mine" / "audio" / "a.flac").write_bytes(b"fLaC")
    (manual / "mine" / "metadata.csv").write_text("file,speaker\naudio/a.flac,s1\n")
    (manual / "notes" / "readme.csv").write_text("what\nnothing\n")
    return manual


@pytest.mark.parametrize("name", BUILDERS)
def test_a_builder_is_found_as_it_names_itself(name):
    """Folders of prepared data are known without importing the builder: name and version must agree."""
    module = importlib.import_module(f"tfsergan.datasets.{name}.{name}_dataset_builder")
    assert module.Builder.name == name
    assert str(module.Builder.VERSION) == catalogue.version(name)


def test_every_builder_of_a_layout_is_known():
    others = {"demo_speech", "feature_table", "folder"}
    assert {name for name in BUILDERS if name not in others} <= set(catalogue.KNOWN)
    for name in catalogue.KNOWN:
        if catalogue.has_builder(name):
            layout = catalogue.layout_of(name)
            assert layout.LAYOUT.startswith(name)
            assert callable(layout.scan)


# ---- finding ----------------------------------------------------------------------------------------------


def test_a_table_comes_before_audio(manual_dir):
    audio = catalogue.find("emodb", "is10", manual_dir)
    assert (audio.builder, audio.config, audio.table) == ("emodb", "is10", None)
    assert audio.manual_dir == manual_dir
    assert len(audio.scan().utterances) == 1
    (manual_dir / "emodb" / "is10.csv").touch()
    table = catalogue.find("emodb", "is10", manual_dir)
    assert (table.builder, table.config) == ("feature_table", "emodb-is10")
    assert table.manual_dir is table.scan() is None
    assert catalogue.find("emodb", "is11", manual_dir).builder == "emodb"


def test_metadata_beside_a_table_is_a_source_of_it(manual_dir):
    (manual_dir / "own" / "toy.csv").write_text("utterance,mfcc_a\nu1,0.5\nu2,1.5\n")
    metadata = manual_dir / "own" / "metadata.csv"
    metadata.write_text("utterance,speaker\nu1,s1\nu2,s2\n")
    before = catalogue.find("own", "toy", manual_dir).digest()
    metadata.write_text("utterance,speaker\nu1,s1\nu2,s3\n")
    assert catalogue.find("own", "toy", manual_dir).digest() != before


def test_audio_with_metadata_is_a_corpus(manual_dir):
    found = catalogue.find("mine", "is11", manual_dir)
    assert (found.builder, found.config, found.where) == ("folder", "mine-is11", str(manual_dir / "mine"))
    (manual_dir / "mine" / "metadata.csv").unlink()
    with pytest.raises(CorpusNotFound, match=r"mine/metadata\.csv beside audio"):
        catalogue.find("mine", "is11", manual_dir)


@needs_folder
def test_the_folder_builder_gets_the_corpus(manual_dir, tmp_path):
    found = catalogue.find("mine", "is09", manual_dir)
    builder = found.make_builder(tmp_path, allow_partial=True, jobs=2)
    assert (builder.builder_config.corpus, builder.builder_config.features) == ("mine", "is09")
    assert (builder.allow_partial, builder.jobs) == (True, 2)
    assert Path(builder.data_dir) == found.built_in(tmp_path)


def test_a_known_layout_comes_before_metadata(manual_dir):
    (manual_dir / "emodb" / "metadata.csv").touch()
    assert catalogue.find("emodb", "is10", manual_dir).builder == "emodb"


def test_the_next_command_is_check_where_there_is_something(manual_dir):
    with pytest.raises(CorpusNotFound, match=r"own/is10\.parquet.*`tfsergan data check own`"):
        catalogue.find("own", "is10", manual_dir)
    with pytest.raises(CorpusNotFound, match=r"empty holds nothing.*`tfsergan data list`"):
        catalogue.find("empty", "is10", manual_dir)


def test_a_layout_without_the_set_says_which_it_has(manual_dir):
    with pytest.raises(TfserganError, match=r"emodb has no features 'toy': it has .*is10"):
        catalogue.find("emodb", "toy", manual_dir)


def test_audio_is_found_behind_links_and_circles_end(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "again").symlink_to(folder)
    assert not catalogue.has_audio(folder)
    (tmp_path / "elsewhere" / "a.WAV").touch()
    (folder / "session").symlink_to(tmp_path / "elsewhere")
    assert catalogue.has_audio(folder)


# ---- status -----------------------------------------------------------------------------------------------


def mark(found: catalogue.Found, data: Path) -> Path:
    """Leaves what a finished build leaves."""
    file = found.built_in(data) / prepared.SOURCES
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"sha256": found.digest()}))
    return file


@needs_folder
def test_status_lists_known_and_own_corpora(manual_dir, tmp_path, monkeypatch):
    monkeypatch.delenv("TFSERGAN_MANUAL_DIR", raising=False)
    rows = {row.name: row for row in catalogue.status(manual_dir, tmp_path / "data")}
    assert set(rows) == {"demo", *catalogue.KNOWN, "own", "mine"}
    assert {name: row.forms for name, row in rows.items() if row.path and row.forms} == {
        "own": ("toy.csv",), "emodb": ("audio",), "mine": ("audio",)
    }  # fmt: skip
    assert not any(row.prepared for row in rows.values())
    assert all(rows[name].url and rows[name].licence for name in ("demo", *catalogue.KNOWN))
    assert not any(row.forms for row in catalogue.status(None, tmp_path) if row.name != "demo")


def test_known_are_the_corpora_of_the_papers():
    assert set(catalogue.KNOWN) == {
        "iemocap", "msp_improv", "creative_it", "emodb", "ravdess", "cmu_mosei", "tedlium", "librispeech_test_clean"
    }  # fmt: skip


def test_what_is_prepared_is_told_by_feature_set(manual_dir, tmp_path):
    (manual_dir / "mine" / "metadata.csv").unlink()
    data = tmp_path / "data"

    def sets() -> dict[str, tuple[str, ...]]:
        return {row.name: row.prepared for row in catalogue.status(manual_dir, data) if row.prepared}

    for name, features in (("own", "toy"), ("emodb", "is10"), ("emodb", "is11"), ("demo/labelled", "is10")):
        mark(catalogue.find(name, features, manual_dir), data)
    assert sets() == {"own": ("toy",), "emodb": ("is10", "is11"), "demo": ("is10",)}
    (manual_dir / "emodb" / "wav" / "03a02Wb.wav").touch()
    with (manual_dir / "own" / "toy.csv").open("a") as file:
        file.write("u3,s3,1\n")
    assert sets() == {"demo": ("is10",)}


def test_a_set_of_another_version_is_not_prepared(manual_dir, tmp_path):
    found = catalogue.find("emodb", "is10", manual_dir)
    file = mark(found, tmp_path)
    assert found.is_built(tmp_path)
    file.parent.rename(file.parent.with_name("0.0.1"))
    assert not found.is_built(tmp_path)


def test_a_source_that_cannot_be_read_is_listed_as_not_prepared(manual_dir, tmp_path, monkeypatch):
    (manual_dir / "mine" / "metadata.csv").unlink()
    mark(catalogue.find("own", "toy", manual_dir), tmp_path)

    def unreadable(path):
        raise TfserganError(f"{path} cannot be read")

    monkeypatch.setattr(prepared, "contents_digest", unreadable)
    (row,) = (row for row in catalogue.status(manual_dir, tmp_path) if row.name == "own")
    assert (row.forms, row.prepared) == (("toy.csv",), ())
