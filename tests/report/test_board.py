"""board.py: what TensorBoard's own reader finds in what a report wrote."""

import subprocess
import sys

import numpy as np
import pytest

from tfsergan.report import board, figures
from tfsergan.report.tables import Cell, Measured, Score, Table

RUN = {
    "run": {"paper": "bao2019", "protocol": "strict", "schedule": "quick", "seed": 0, "overrides": {}},
    "corpora": {"labelled": {"name": "demo/labelled"}},
    "settings": {"units": [8, 4], "dropout": 0.2, "activation": "tanh"},
}


@pytest.fixture
def written(table, tmp_path):
    (tmp_path / "results.jsonl").write_text("")
    png = tmp_path / "figure2.png"
    figures.save(figures.training_curves({"run": {"loss": [1.0, 2.0]}}), png)
    board.write(tmp_path, RUN, [table], [("Figure 2. A caption.", png)])
    return tmp_path, png


def events(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    return EventAccumulator(str(folder)).Reload()


def files(folder) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_each_measured_row_is_a_session(written):
    from tensorboard.plugins.hparams import metadata
    from tensorboard.util import tensor_util

    results = written[0] / "tensorboard" / "results"
    assert {path.name for path in results.iterdir()} == {"table 2, lambda = 0", "table 2, lambda = 2"}
    found = events(results / "table 2, lambda = 0")
    tags = [tag for tag in found.Tags()["tensors"] if tag.startswith("results/")]
    scores = {tag: float(tensor_util.make_ndarray(found.Tensors(tag)[0].tensor_proto)) for tag in tags}
    assert scores == pytest.approx({"results/UAR, %, Real": 60.30, "results/UAR, %, Syn.": 49.0})
    told = found.SummaryMetadata(metadata.SESSION_START_INFO_TAG).plugin_data.content
    start = metadata.parse_session_start_info_plugin_data(told)
    assert start.hparams["Row"].string_value == "lambda = 0"
    assert start.hparams["units"].string_value == "8, 4"
    assert start.hparams["dropout"].number_value == 0.2
    assert start.hparams["Corpora"].string_value == "labelled demo/labelled"
    assert start.group_name.startswith("table 2, lambda = 0 (")


def test_figures_are_images(written):
    folder, png = written
    (event,) = events(folder / "tensorboard" / "figures").Tensors("figures/figure2")
    width, height, content = event.tensor_proto.string_val
    assert content == png.read_bytes()
    assert (int(width), int(height)) == (
        int.from_bytes(content[16:20], "big"),
        int.from_bytes(content[20:24], "big"),
    )


def test_a_report_written_again_leaves_nothing_double(written, table):
    folder, png = written
    before = files(folder)
    board.write(folder, RUN, [table], [("Figure 2. A caption.", png)])
    assert files(folder) == before
    fewer = Table(
        2, "T", "UAR, %", 2, ("a",), ("b",), {("a", "b"): Cell(Score(1), Measured(1, None, 2, 1, 1, None))}
    )
    board.write(folder, RUN, [fewer], [])
    assert {path.name for path in (folder / "tensorboard" / "results").iterdir()} == {"table 2, a"}


def test_names_of_rows_are_folders():
    assert board.name_of("table 1, GMM/SVM: a\\b *") == "table 1, GMM-SVM- a-b *"


def test_vectors_go_to_the_projector(tmp_path):
    from google.protobuf import text_format
    from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

    x = np.random.default_rng(0).normal(size=(60, 200))
    emotion = np.array(["angry", "sad"])[np.arange(60) % 2]
    for _ in range(2):
        board.project(tmp_path, "figure 3, latent", x, {"emotion": emotion, "made": ["real"] * 60})
        board.project(tmp_path, "figure 3, one", x[:, :3], {"emotion": emotion})
    place = tmp_path / "tensorboard" / "figures"
    config = text_format.Parse((place / "projector_config.pbtxt").read_text(), ProjectorConfig())
    assert [e.tensor_name for e in config.embeddings] == ["figure 3, latent", "figure 3, one"]
    points = np.loadtxt(place / config.embeddings[0].tensor_path, delimiter="\t")
    assert points.shape == (60, board.COMPONENTS)
    kept = np.linalg.norm(points[0] - points[1]) / np.linalg.norm(x[0] - x[1])
    assert 0.8 < kept <= 1 + 1e-4  # principal components keep distances, or shorten them
    labels = (place / config.embeddings[0].metadata_path).read_text().splitlines()
    assert labels[:3] == ["emotion\tmade", "angry\treal", "sad\treal"]
    single = (place / config.embeddings[1].metadata_path).read_text().splitlines()
    assert single[:2] == ["angry", "sad"]  # the projector takes no heading of a single column


def test_so_many_vectors_at_most(tmp_path):
    board.project(tmp_path, "many", np.zeros((board.POINTS + 5, 2)), {"a": ["x"] * (board.POINTS + 5)})
    place = tmp_path / "tensorboard" / "figures"
    assert len((place / "many.vectors.tsv").read_text().splitlines()) == board.POINTS
    assert len((place / "many.labels.tsv").read_text().splitlines()) == board.POINTS


def test_tensorflow_is_not_needed(tmp_path):
    code = (
        "import sys, numpy as np; from pathlib import Path; from tfsergan.report import board;"
        "from tfsergan.report.tables import *;"
        "t = Table(1, 'T', '%', 2, ('a',), ('b',), {('a', 'b'): Cell(None, Measured(1, None, 2, 1, 1, None))});"
        f"run = {RUN!r}; folder = Path(sys.argv[1]); board.write(folder, run, [t], []);"
        "board.project(folder, 'n', np.eye(4), {'a': list('wxyz')});"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
