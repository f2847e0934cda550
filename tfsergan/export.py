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

from tfsergan import training
from tfsergan.errors import TfserganError, UsageError
from tfsergan.papers import Paper

SCALER = "scaler.json"


def save_scaler(folder: Path, scaler, feature_names: Sequence[str], classes: Sequence[str]) -> None:
    """Writes a fitted MinMaxScaler's statistics beside the models that were trained with it, as JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    data = {
        "classes": list(classes),
        "features": list(feature_names),
        "scale": scaler.scale_.astype(np.float64).tolist(),
        "offset": scaler.min_.astype(np.float64).tolist(),
    }
    unfinished = folder / f".{SCALER}.{os.getpid()}"
    unfinished.write_text(json.dumps(data), encoding="utf-8")
    unfinished.replace(folder / SCALER)


def load_scaler(folder: Path) -> dict[str, Any]:
    """What `save_scaler` wrote: `classes`, `features`, and `scale` and `offset` (D,) of x * scale + offset.

    Raises:
        TfserganError: missing or damaged.
    """
    try:
        data = json.loads((folder / SCALER).read_text(encoding="utf-8"))
        return {**data, "scale": np.array(data["scale"]), "offset": np.array(data["offset"])}
    except (OSError, ValueError, KeyError) as error:
        raise TfserganError(
            f"{folder / SCALER}: can't be read ({error}). Repeat `tfsergan reproduce` for this run."
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
        "intended_use": "Research on data augmentation for speech emotion recognition: turns functionals of any speech into "
        "functionals as of an emotion. Not for judging people, and no substitute for recordings of the emotion.",
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
    """Raw source features (n, D) to raw features of each emotion, the scaler inside.

    Args:
        generator: maps (E, n, D) to (E, n, D) in scaled space.
        scale, offset: (D,); scaled = raw * scale + offset.
        classes: names of the E emotions.
    """

    def __init__(self, generator: keras.Model, scale: np.ndarray, offset: np.ndarray, classes: Sequence[str]):
        super().__init__()
        self.generator = generator
        self.scale = tf.constant(scale, tf.float32)
        self.offset = tf.constant(offset, tf.float32)
        self.classes = tuple(classes)

    def call(self, features: tf.Tensor) -> dict[str, tf.Tensor]:
        scaled = features * self.scale + self.offset
        every = tf.tile(scaled[None], (len(self.classes), 1, 1))  # (E, n, D)
        raw = (self.generator(every, training=False) - self.offset) / self.scale
        return dict(zip(self.classes, tf.unstack(raw), strict=True))


def export_generators(generator: keras.Model, models: Path, to: Path, card: Mapping[str, Any]) -> Path:
    """Writes a SavedModel with the signature `transfer`, `card.toml` and `README.md` into a new folder.

    Args:
        generator: G of all emotions, (E, n, D) to (E, n, D).
        models: the fold's folder, which holds its scaler.
        to: folder to make; an existing one that is not empty is refused.
        card: what the reader needs to know; features, classes and signature are added.

    Raises:
        TfserganError: the folder is in use, or can't be written.
    """
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise TfserganError(f"{to}: is there already. Choose a new folder with --to, or delete it.")
    scaler = load_scaler(models)
    model = Transfer(generator, scaler["scale"], scaler["offset"], scaler["classes"])
    unfinished = to.with_name(f".{to.name}.{os.getpid()}")
    try:
        unfinished.mkdir(parents=True)
        write_saved_model(model, unfinished, len(scaler["features"]))
        write_card(unfinished, {**card, "classes": scaler["classes"], "features": scaler["features"]})
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
        f'transfer = tf.saved_model.load("{folder.name.lstrip(".").rsplit(".", 1)[0]}").signatures["transfer"]',
        f"synthetic = transfer(features=x)  # x: (n, {len(card['features'])}) float32, raw, in the order of card.toml",
        f'synthetic["{card["classes"][0]}"]  # the same shape, raw; one entry an emotion: {", ".join(card["classes"])}',
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
