"""Trained generators as TensorFlow SavedModels that take and give raw feature values, with a card."""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tomli_w
from sklearn.preprocessing import MinMaxScaler

from tfsergan import training
from tfsergan.errors import TfserganError, UsageError
from tfsergan.files import write_atomically
from tfsergan.papers import Paper

SCALERS = "scalers.json"
INTENDED_USE = (
    "Research on data augmentation for speech emotion recognition: turns functionals of any speech into functionals "
    "as of an emotion. Not for judging people, and no substitute for recordings of the emotion."
)


def save_scalers(
    folder: Path, source: MinMaxScaler, target: MinMaxScaler, features: Sequence[str], classes: Sequence[str]
) -> None:
    """Writes the fitted scalers of both domains beside the models that were trained with them, as JSON."""
    data: dict[str, Any] = {"classes": list(classes), "features": list(features)}
    for name, scaler in (("source", source), ("target", target)):
        data[name] = {"scale": scaler.scale_.tolist(), "offset": scaler.min_.tolist()}
    write_atomically(folder / SCALERS, json.dumps(data).encode())


def load_scalers(folder: Path) -> dict[str, Any]:
    """What `save_scalers` wrote: `classes`, `features`, and for `source` and `target` a `scale` and `offset`.

    Raises:
        TfserganError: missing or damaged.
    """
    try:
        data = json.loads((folder / SCALERS).read_text(encoding="utf-8"))
        for name in ("source", "target"):
            data[name] = {key: np.array(data[name][key], np.float32) for key in ("scale", "offset")}
        return data
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TfserganError(
            f"{folder / SCALERS}: can't be read ({error}). Repeat `tfsergan reproduce` in another folder."
        ) from error


def choose(models: Path, fold: str | None, setting: str | None, prefix: str) -> tuple[Path, str]:
    """The folder of a fold, and the name of the stage in it, that are to be exported.

    Args:
        models: folder of folders, one a fold, each with a folder a stage.
        fold: None takes "all", else the first.
        setting: a stage's name; None takes the first that begins with the prefix.
        prefix: of the stages that can be exported.

    Raises:
        TfserganError: nothing trained, or no such fold or setting.
    """
    trained = sorted(path.parent for path in models.glob(f"*/{prefix}*/{training.WEIGHTS}"))
    if not trained:
        raise TfserganError(f"{models}: no finished generators here. `tfsergan reproduce` trains them.")
    names = sorted({path.parent.name for path in trained}, key=lambda name: (name != "all", name))
    fold = names[0] if fold is None else fold
    if fold not in names:
        raise UsageError(f"--fold {fold}: no finished generators; there are some for {', '.join(names)}.")
    settings = [path.name for path in trained if path.parent.name == fold]
    setting = settings[0] if setting is None else setting
    if setting not in settings:
        raise UsageError(f"--setting {setting}: not trained in fold {fold}; there are {', '.join(settings)}.")
    return models / fold, setting


def card(paper: Paper, run: Mapping[str, Any], fold: str, setting: str) -> dict[str, Any]:
    """What a reader of exported generators needs to know, from a run's `run.toml`."""
    corpora = {
        role: f"{c['name']}, {c['utterances']} utterances"
        for role, c in run["corpora"].items()
        if role != "cross"
    }
    return {
        "title": f"Emotion style transfer generators, {paper.name}",
        "paper": paper.citation,
        "intended_use": INTENDED_USE,
        "fold": fold,
        "setting": setting,
        "schedule": run["run"]["schedule"],
        "protocol": run["run"]["protocol"],
        "seed": run["run"]["seed"],
        "feature_set": paper.features,
        "corpora": corpora,
        "overrides": run["run"]["overrides"],
        "versions": run["versions"],
    }


class Transfer(keras.Model):
    """Raw source features (n, D) to raw features of each emotion, the scalers inside.

    Args:
        generator: maps (E, n, D) to (E, n, D) in scaled space.
        scalers: as of `load_scalers`; scaled = raw * scale + offset.
    """

    def __init__(self, generator: keras.Model, scalers: Mapping[str, Any]):
        super().__init__()
        self.generator = generator
        self.scalers = scalers
        self.built = True

    def call(self, features: tf.Tensor) -> dict[str, tf.Tensor]:
        source, target, classes = (self.scalers[name] for name in ("source", "target", "classes"))
        scaled = features * source["scale"] + source["offset"]
        every = tf.tile(scaled[None], (len(classes), 1, 1))  # (E, n, D)
        raw = (self.generator(every, training=False) - target["offset"]) / target["scale"]
        return dict(zip(classes, tf.unstack(raw), strict=True))


def export_generators(generator: keras.Model, models: Path, to: Path, card: Mapping[str, Any]) -> Path:
    """Writes a SavedModel with the signature `transfer`, `card.toml` and `README.md` into a new folder.

    Args:
        generator: G of all emotions, (E, n, D) to (E, n, D).
        models: the fold's folder, which holds its scalers.
        to: folder to make; an existing one that is not empty is refused.
        card: what the reader needs to know; features, classes and signature are added.

    Raises:
        TfserganError: the folder is in use, or can't be written.
    """
    to = to.resolve()
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise TfserganError(f"{to}: is there already. Choose a new folder with --to, or delete it.")
    scalers = load_scalers(models)
    model = Transfer(generator, scalers)
    unfinished = to.with_name(f".{to.name}.{os.getpid()}")
    try:
        unfinished.mkdir(parents=True)
        write_saved_model(model, unfinished, len(scalers["features"]))
        write_card(unfinished, {**card, "classes": scalers["classes"], "features": scalers["features"]})
        if to.exists():
            to.rmdir()
        unfinished.replace(to)
    except (OSError, tf.errors.OpError) as error:
        raise TfserganError(
            f"{to}: can't write the SavedModel ({error}). Choose another folder with --to."
        ) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return to


def write_saved_model(model: Transfer, folder: Path, features: int) -> None:
    """Exports a model's call on raw features (n, D) as signature and attribute `transfer`."""
    archive = keras.export.ExportArchive()
    archive.track(model)
    signature = [tf.TensorSpec((None, features), tf.float32, name="features")]
    archive.add_endpoint("transfer", model.call, input_signature=signature)
    archive.write_out(str(folder), verbose=False)


def write_card(folder: Path, card: Mapping[str, Any]) -> None:
    """The model card twice: TOML for programs, Markdown for people."""
    (folder / "card.toml").write_text(tomli_w.dumps(dict(card)), encoding="utf-8")
    rows = [f"| {key} | {value} |" for key, value in flat(card) if key not in ("classes", "features")]
    text = [
        f"# {card['title']}",
        "",
        card["intended_use"],
        "",
        "| | |",
        "|---|---|",
        *rows,
        "",
        "## Use",
        "",
        "```python",
        "import tensorflow as tf",
        "",
        'transfer = tf.saved_model.load("FOLDER").signatures["transfer"]',
        f"# x: (n, {len(card['features'])}) float32, raw, in the order of `features` in card.toml",
        "synthetic = transfer(features=x)",
        f"# one entry an emotion ({', '.join(card['classes'])}), each of the shape of x, raw",
        f'synthetic["{card["classes"][0]}"]',
        "```",
        "",
    ]
    (folder / "README.md").write_text("\n".join(text), encoding="utf-8")


def flat(card: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Nested mappings as dotted keys."""
    pairs = []
    for key, value in card.items():
        pairs += flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else [(prefix + key, value)]
    return pairs
