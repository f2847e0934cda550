"""What TensorBoard shows beside the curves of training: results as hyper-parameter sessions, figures, vectors.

Written with TensorBoard's own records, without TensorFlow, whose import takes seconds. The same results give the same
files, so that a report that is written again leaves nothing double.
"""

import io
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tfsergan.files import write_atomically
from tfsergan.report.tables import Cell, Table
from tfsergan.results import digest

if TYPE_CHECKING:
    from tensorboard.compat.proto.summary_pb2 import Summary

POINTS = 2000  # vectors of one projection: TensorBoard computes t-SNE in the browser
COMPONENTS = 50  # principal components of wider vectors
EVENTS = "events.out.tfevents.0.report"
VECTORS, LABELS, CONFIG = ".vectors.tsv", ".labels.tsv", "projector_config.pbtxt"


def write(
    folder: Path, run: Mapping[str, Any], tables: Sequence[Table], figures: Sequence[tuple[str, Path]]
) -> None:
    """Writes a run's results and figures for TensorBoard, in place of those written before.

    Args:
        folder: of the run; below its `tensorboard/`, `results/` and `figures/` are written.
        run: its `run.toml`: what is a hyper-parameter.
        tables: each measured row becomes a session of the hyper-parameters tab, its columns the metrics.
        figures: (caption, PNG file) for the images tab.

    Raises:
        OSError: a figure can't be read, or the folder can't be written.
    """
    log, measurements = folder / "tensorboard", folder / "results.jsonl"
    when = measurements.stat().st_mtime if measurements.exists() else 0.0
    shutil.rmtree(log / "results", ignore_errors=True)
    for table in tables:
        for row in table.rows:
            cells = {column: table.cells.get((row, column), Cell()) for column in table.columns}
            measured = {f"{table.unit}, {c}": cell.ours.mean for c, cell in cells.items() if cell.ours}
            if measured:
                name = name_of(f"table {table.number}, {row}")
                chosen = {"Table": str(table.number), "Row": row, **hyperparameters(run)}
                write_events(log / "results" / name / EVENTS, session(name, chosen, measured, when), when)
    pictures = [image(png.stem, caption, png.read_bytes()) for caption, png in figures]
    if pictures or list((log / "figures").glob(f"*{VECTORS}")):
        write_events(log / "figures" / EVENTS, pictures, when)  # a projection needs some events beside it


def name_of(text: str) -> str:
    """A text as the name of a folder, and so of a run in TensorBoard."""
    return re.sub(r"[^\w .,()+=*&-]", "-", text)


def hyperparameters(run: Mapping[str, Any]) -> dict[str, bool | float | str]:
    """What determines a run, by names that sort before those of the settings, and its settings."""
    r = run["run"]
    chosen = {name.capitalize(): r[name] for name in ("paper", "protocol", "schedule", "seed")}
    chosen["Corpora"] = ", ".join(f"{role} {entry['name']}" for role, entry in run["corpora"].items())
    lists = {name: ", ".join(map(str, v)) for name, v in run["settings"].items() if isinstance(v, list)}
    return {**chosen, **run["settings"], **lists}


def session(
    name: str, chosen: Mapping[str, bool | float | str], measured: Mapping[str, float], when: float
) -> list["Summary"]:
    """One session of the hyper-parameters tab: what was chosen, what came of it, and that it is finished."""
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2, summary_v2
    from tensorboard.plugins.scalar.summary_v2 import scalar_pb

    status = plugin_data_pb2.SessionEndInfo(status=api_pb2.STATUS_SUCCESS, end_time_secs=when)
    data = plugin_data_pb2.HParamsPluginData(session_end_info=status)
    end = Summary()
    end.value.add(tag=metadata.SESSION_END_INFO_TAG, metadata=metadata.create_summary_metadata(data))
    # Sessions of one name would be averaged, also those of other runs below the same --logdir.
    start = summary_v2.hparams_pb(dict(chosen), f"{name} ({digest(dict(chosen))})", when)
    return [start, *(scalar_pb(f"results/{metric}", value) for metric, value in measured.items()), end]


def image(tag: str, caption: str, png: bytes) -> "Summary":
    """A PNG for the images tab."""
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.image import metadata
    from tensorboard.util import tensor_util

    width, height = (int.from_bytes(png[at : at + 4], "big") for at in (16, 20))  # of its first chunk, IHDR
    about = metadata.create_summary_metadata(display_name=caption, description=caption)
    parts = np.array([str(width).encode(), str(height).encode(), png], object)
    found = Summary()
    found.value.add(tag=f"figures/{tag}", metadata=about, tensor=tensor_util.make_tensor_proto(parts))
    return found


def write_events(path: Path, summaries: Sequence["Summary"], when: float) -> None:
    """Writes a file of TensorBoard events of one time (seconds of the epoch), whole or not at all."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.summary.writer.record_writer import RecordWriter

    content = io.BytesIO()
    writer = RecordWriter(content)
    writer.write(Event(file_version="brain.Event:2", wall_time=when).SerializeToString(deterministic=True))
    for summary in summaries:
        writer.write(Event(summary=summary, wall_time=when).SerializeToString(deterministic=True))
    write_atomically(path, content.getvalue())


def project(folder: Path, name: str, vectors: np.ndarray, labels: Mapping[str, Sequence[str]]) -> None:
    """Puts vectors into TensorBoard's projector, in place of those of the same name.

    Args:
        folder: of the run.
        name: of the projection.
        vectors: (n, D); at most `POINTS` of them, drawn, and their first `COMPONENTS` principal components are kept.
        labels: kind of label -> n texts.

    Raises:
        OSError: the folder can't be written.
    """
    place, name = folder / "tensorboard" / "figures", name_of(name)
    rows = np.sort(np.random.default_rng(0).permutation(len(vectors))[:POINTS])
    points = components(np.asarray(vectors, np.float64)[rows])
    write_table(place / f"{name}{VECTORS}", ([f"{value:.5g}" for value in point] for point in points))
    named = zip(*(np.asarray(texts)[rows] for texts in labels.values()), strict=True)
    # A label of one column alone has no heading there.
    write_table(place / f"{name}{LABELS}", [list(labels), *named] if len(labels) > 1 else named)
    write_atomically(place / CONFIG, projections(place).encode())


def components(vectors: np.ndarray) -> np.ndarray:
    """Vectors (n, D) about their mean, on their first `COMPONENTS` axes (n, at most that many)."""
    centred = vectors - vectors.mean(axis=0)
    if centred.shape[1] <= COMPONENTS:
        return centred
    u, scale, _ = np.linalg.svd(centred, full_matrices=False)
    return (u * scale)[:, :COMPONENTS]


def write_table(path: Path, rows: Any) -> None:
    """Writes a table with tabs between its fields."""
    write_atomically(path, "".join("\t".join(map(str, row)) + "\n" for row in rows).encode())


def projections(place: Path) -> str:
    """The projector's configuration: every projection that is there, by name."""
    from google.protobuf import text_format
    from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

    config = ProjectorConfig()
    for vectors in sorted(place.glob(f"*{VECTORS}")):
        name = vectors.name.removesuffix(VECTORS)
        config.embeddings.add(tensor_name=name, tensor_path=vectors.name, metadata_path=f"{name}{LABELS}")
    return text_format.MessageToString(config)
