"""Trained generators as TensorFlow SavedModels that take and give raw feature values, with a card."""

import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tomli_w
from sklearn.preprocessing import MinMaxScaler

from tfsergan import folds, papers, training
from tfsergan.errors import TfserganError, UsageError
from tfsergan.files import write_atomically
from tfsergan.papers import Paper, Settings

FRAME_MAP = "frames.json"
SCALERS = "scalers.json"
DECODER_MAP = "decoder.json"
SAMPLE_ARGUMENTS = ((tf.string, "emotion"), (tf.int32, "n"), (tf.int32, "seed"))
EMBEDDING_USE = (
    "Research on speaker-invariant speech emotion recognition: gives an embedding of an utterance and guesses at its "
    "emotion. Not for judging people."
)
INTENDED_USE = (
    "Research on data augmentation for speech emotion recognition: gives functionals as of emotional speech. Not for "
    "judging people, and no substitute for recordings of the emotion."
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
        fold: None takes that of a whole corpus, such as "all" or "acted-all", else the first.
        setting: a stage's name; None takes the first that begins with the prefix.
        prefix: of the stages that can be exported.

    Raises:
        TfserganError: nothing trained, or no such fold or setting.
    """
    trained = sorted(path.parent for path in models.glob(f"*/{prefix}*/{training.WEIGHTS}"))
    if not trained:
        raise TfserganError(f"{models}: no finished generators here. `tfsergan reproduce` trains them.")
    names = sorted({path.parent.name for path in trained}, key=lambda name: (not of_whole(name), name))
    fold = names[0] if fold is None else fold
    if fold not in names:
        raise UsageError(f"--fold {fold}: no finished generators; there are some for {', '.join(names)}.")
    settings = [path.name for path in trained if path.parent.name == fold]
    setting = settings[0] if setting is None else setting
    if setting not in settings:
        raise UsageError(f"--setting {setting}: not trained in fold {fold}; there are {', '.join(settings)}.")
    return models / fold, setting


def of_whole(fold: str) -> bool:
    """Whether a fold, by its name, is a whole corpus."""
    return fold == folds.WHOLE or fold.endswith(f"-{folds.WHOLE}")


@dataclass(frozen=True)
class Trained:
    """One trained stage of a run, and what is needed to build its networks again.

    Attributes:
        models: folder of its fold, with the scalers.
        stage: its name, and that of its folder in `models`.
        settings: that the run recorded.
        card: as of `card`.
    """

    models: Path
    stage: str
    settings: Settings
    card: dict[str, Any]

    def load_weights(self, model: keras.Model) -> None:
        """Reads the weights of a model that was built from `settings`."""
        training.load_weights(model, self.models / self.stage)


def trained(
    folder: Path, run: Mapping[str, Any], fold: str | None, setting: str | None, prefix: str
) -> Trained:
    """The stage of a run that is to be exported.

    Args:
        folder: of the run.
        run: its `run.toml`.
        fold, setting, prefix: as of `choose`.

    Raises:
        TfserganError: no such fold or setting in this run.
    """
    models, stage = choose(folder / "models", fold, setting, prefix)
    paper = papers.load(run["run"]["paper"])
    return Trained(models, stage, paper.recorded(run), card(paper, run, models.name, stage))


def card(paper: Paper, run: Mapping[str, Any], fold: str, setting: str) -> dict[str, Any]:
    """What a reader of exported generators needs to know, from a run's `run.toml`."""
    used = {
        role: corpus
        for role, corpus in run["corpora"].items()
        if role != "cross" and (role in fold or fold.partition("-")[0] not in run["corpora"])
    }
    return {
        "title": f"Generators of {paper.name}",
        "reproduction": paper.name,
        "paper": paper.citation,
        "intended_use": INTENDED_USE,
        "fold": fold,
        "setting": setting,
        "schedule": run["run"]["schedule"],
        "protocol": run["run"]["protocol"],
        "seed": run["run"]["seed"],
        "feature_set": ", ".join(sorted({corpus["features"] for corpus in used.values()})),
        "corpora": {role: f"{c['name']}, {c['utterances']} utterances" for role, c in used.items()},
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


class Sample(keras.Model):
    """An emotion, a number and a seed to so many raw synthetic vectors of that emotion.

    Args:
        method: has `features_of(emotions, noise)` and `latent`, such as `tfsergan.methods.yi2019.ADAN`.
        decoder_map: as of `load_decoder_map`.
    """

    def __init__(self, method: keras.Model, decoder_map: Mapping[str, Any]):
        super().__init__()
        self.method = method
        self.decoder_map = decoder_map
        self.built = True

    def call(self, emotion: tf.Tensor, n: tf.Tensor, seed: tf.Tensor) -> dict[str, tf.Tensor]:
        classes, m = self.decoder_map["classes"], self.decoder_map
        known = tf.equal(tf.constant(classes), emotion)
        tf.debugging.assert_equal(tf.reduce_any(known), True, f"emotion is one of {', '.join(classes)}")
        index = tf.argmax(tf.cast(known, tf.int32), output_type=tf.int32)
        noise = tf.random.stateless_normal((n, self.method.latent), tf.stack([seed, index]))
        vectors = self.method.features_of(tf.fill((n,), index), noise)
        return {"features": tf.gather(vectors, m["position"], axis=1) * m["scale"] + m["offset"]}


class Embed(keras.Model):
    """Raw frames of utterances (n, t, D), as many of each, to embeddings and probabilities of emotions.

    Args:
        model: has `ENC` and `EC`, see `tfsergan.methods.li2020`.
        frame_map: as of `load_frame_map`.
    """

    def __init__(self, model: keras.Model, frame_map: Mapping[str, Any]):
        super().__init__()
        self.ENC, self.EC = model.ENC, model.EC
        self.frame_map = frame_map
        self.built = True

    def call(self, frames: tf.Tensor) -> dict[str, tf.Tensor]:
        m, t = self.frame_map, tf.shape(frames)[1]
        rows = (tf.maximum(t - m["length"], 0) // 2 + tf.range(m["length"])) % t  # as `Ragged.fixed`
        v = self.ENC((tf.gather(frames, rows, axis=1) - m["mean"]) / m["scale"], training=False)
        return {"embedding": v, "emotion": tf.nn.softmax(self.EC(v, training=False))}


def save_frame_map(
    folder: Path,
    mean: np.ndarray,
    scale: np.ndarray,
    length: int,
    features: Sequence[str],
    classes: Sequence[str],
    trained_on: Sequence[str],
    left_out: Sequence[str],
) -> None:
    """Writes what frames go through before a model sees them, as JSON.

    Args:
        folder: of the models that were trained with it.
        mean, scale: (D,): a model sees (frame - mean) / scale.
        length: frames that an utterance is cut or repeated to.
        features: D names.
        classes: names of the emotions.
        trained_on, left_out: names of the speakers.
    """
    lists = {
        "features": [*features],
        "classes": [*classes],
        "trained_on": [*trained_on],
        "left_out": [*left_out],
    }
    data = {"mean": mean.tolist(), "scale": scale.tolist(), "length": int(length), **lists}
    write_atomically(folder / FRAME_MAP, json.dumps(data).encode())


def load_frame_map(folder: Path) -> dict[str, Any]:
    """What `save_frame_map` wrote.

    Raises:
        TfserganError: missing or damaged.
    """
    try:
        data = json.loads((folder / FRAME_MAP).read_text(encoding="utf-8"))
        return {**data, **{name: np.array(data[name], np.float32) for name in ("mean", "scale")}}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TfserganError(
            f"{folder / FRAME_MAP}: can't be read ({error}). Repeat `tfsergan reproduce` in another folder."
        ) from error


def raw_map(
    inverse: Callable[[np.ndarray], np.ndarray],
    kept: np.ndarray,
    constant: np.ndarray,
    features: Sequence[str],
) -> tuple[dict[str, float], dict[str, tuple[float, float]]]:
    """From a decoder's outputs to raw features, for `save_decoder_map`: `constant` and `affine`.

    Args:
        inverse: of the scaling, which is affine in each feature: outputs (1, d) to raw features (1, D).
        kept: (D,) whether the decoder gives a feature.
        constant: (D,) values of those that it does not.
        features: names of all.
    """
    zero, one = (inverse(np.full((1, kept.sum()), value))[0][kept] for value in (0.0, 1.0))
    names = np.array(features)
    pairs = zip((one - zero).tolist(), zero.tolist(), strict=True)
    return (
        dict(zip(names[~kept], constant[~kept].tolist(), strict=True)),
        dict(zip(names[kept], pairs, strict=True)),
    )


class Recode(keras.Model):
    """Raw features (n, D) to their encoding and to what the generator makes of it, raw; the scaler inside.

    Args:
        gan: has `encoder_E` and `generator_G`, see `tfsergan.methods.latif2020`.
        scalers: as of `load_scalers`; scaled = raw * scale + offset, by the target's.
    """

    def __init__(self, gan: keras.Model, scalers: Mapping[str, Any]):
        super().__init__()
        self.gan = gan
        self.target = scalers["target"]
        self.built = True

    def call(self, features: tf.Tensor) -> dict[str, tf.Tensor]:
        scaled = features * self.target["scale"] + self.target["offset"]
        encoded = self.gan.encoder_E(scaled, training=False)
        made = self.gan.generator_G(encoded, training=False)
        return {"encoded": encoded, "features": (made - self.target["offset"]) / self.target["scale"]}


class Samples(keras.Model):
    """Raw source vectors with emotions, and raw target vectors, to samples of types A, B and C (Su & Lee 2021).

    Args:
        gen_ST: scaled source vectors (1, n, D) to scaled target vectors (1, n, D).
        gen_TS: scaled target vectors with one-hot emotions beside them (1, n, D + K) to scaled source vectors.
        scalers: as of `load_scalers`; scaled = raw * scale + offset.
    """

    def __init__(self, gen_ST: keras.Model, gen_TS: keras.Model, scalers: Mapping[str, Any]):
        super().__init__()
        self.gen_ST, self.gen_TS = gen_ST, gen_TS
        self.scalers = scalers
        self.built = True

    def call(self, source: tf.Tensor, emotion: tf.Tensor, target: tf.Tensor) -> dict[str, tf.Tensor]:
        of_source, of_target = self.scalers["source"], self.scalers["target"]
        K, m = len(self.scalers["classes"]), tf.shape(target)[0]
        carried = self.gen_ST((source * of_source["scale"] + of_source["offset"])[None], training=False)[0]
        back = self.to_source(carried, emotion)
        every = tf.tile(target * of_target["scale"] + of_target["offset"], (K, 1))  # (K m, D)
        imitated = self.to_source(every, tf.repeat(tf.range(K), m))
        return {
            "A": (back - of_source["offset"]) / of_source["scale"],
            "B": (carried - of_target["offset"]) / of_target["scale"],
            "C": tf.reshape((imitated - of_source["offset"]) / of_source["scale"], (K, m, source.shape[-1])),
        }

    def to_source(self, x: tf.Tensor, emotion: tf.Tensor) -> tf.Tensor:
        """Scaled vectors (n, D) as the source's under emotions (n,)."""
        beside = tf.one_hot(emotion, len(self.scalers["classes"]), dtype=x.dtype)
        return self.gen_TS(tf.concat([x, beside], axis=-1)[None], training=False)[0]


def save_decoder_map(
    folder: Path,
    constant: Mapping[str, float],
    affine: Mapping[str, tuple[float, float]],
    features: Sequence[str],
    classes: Sequence[str],
) -> None:
    """Writes how raw features come from a decoder's outputs, as JSON.

    Args:
        folder: of the models that were trained with it.
        constant: features that the models never see, and their value.
        affine: the decoder's outputs in their order, and the (scale, offset) of each.
        features: all of them, in the corpus's order.
        classes: names of the emotions.
    """
    data = {"classes": [*classes], "features": [*features], "constant": {**constant}, "affine": {**affine}}
    write_atomically(folder / DECODER_MAP, json.dumps(data).encode())


def load_decoder_map(folder: Path) -> dict[str, Any]:
    """What `save_decoder_map` wrote: `classes`, `features`, `kept` (the decoder's), `position`, `scale`, `offset`.

    A raw feature is the decoder's output at its `position`, times `scale`, plus `offset`.

    Raises:
        TfserganError: missing or damaged.
    """
    try:
        data = json.loads((folder / DECODER_MAP).read_text(encoding="utf-8"))
        kept = list(data["affine"])
        place = {name: i for i, name in enumerate(kept)}
        pairs = [data["affine"].get(name) or (0.0, data["constant"][name]) for name in data["features"]]
        scale, offset = np.array(pairs, np.float32).T
        position = np.array([place.get(name, 0) for name in data["features"]], np.int32)
        return {**data, "kept": kept, "position": position, "scale": scale, "offset": offset}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise TfserganError(
            f"{folder / DECODER_MAP}: can't be read ({error}). Repeat `tfsergan reproduce` in another folder."
        ) from error


def export_generators(generator: keras.Model, models: Path, to: Path, card: Mapping[str, Any]) -> Path:
    """Writes style transfer generators as a SavedModel with the signature `transfer`.

    Args:
        generator: G of all emotions, (E, n, D) to (E, n, D).
        models: the fold's folder, which holds its scalers.
        to: folder to make; an existing one that is not empty is refused.
        card: what the reader needs to know; features and classes are added.

    Raises:
        TfserganError: the folder is in use, or can't be written.
    """
    scalers = load_scalers(models)
    card = {**card, "classes": scalers["classes"], "features": scalers["features"]}
    signature = [tf.TensorSpec((None, len(scalers["features"])), tf.float32, name="features")]
    usage = [
        f"# x: (n, {len(card['features'])}) float32, raw, in the order of `features` in card.toml",
        "synthetic = transfer(features=x)",
        f"# one entry an emotion ({', '.join(card['classes'])}), each of the shape of x, raw",
        f'synthetic["{card["classes"][0]}"]',
    ]
    return export_model(Transfer(generator, scalers), "transfer", signature, usage, to, card)


def export_translators(
    gen_ST: keras.Model, gen_TS: keras.Model, models: Path, to: Path, card: Mapping[str, Any]
) -> Path:
    """Writes a pair of conditional generators as a SavedModel with the signature `augment(source, emotion, target)`.

    Args:
        gen_ST, gen_TS: as of `Samples`.
        models, to, card: as of `export_generators`.

    Raises:
        TfserganError: the folder is in use, or can't be written.
    """
    scalers = load_scalers(models)
    card = {**card, "classes": scalers["classes"], "features": scalers["features"]}
    D = len(scalers["features"])
    signature = [
        tf.TensorSpec((None, D), tf.float32, name="source"),
        tf.TensorSpec((None,), tf.int32, name="emotion"),
        tf.TensorSpec((None, D), tf.float32, name="target"),
    ]
    usage = [
        f"# source: (n, {D}) and target: (m, {D}) float32, raw, in the order of `features` in card.toml",
        f"# emotion: (n,) int32, {', '.join(f'{i} {name}' for i, name in enumerate(card['classes']))}",
        "made = augment(source=source, emotion=emotion, target=target)",
        'made["A"]  # (n, D) the source, carried to the target and back; of the given emotions',
        'made["B"]  # (n, D) the source, carried to the target; of the given emotions',
        'made["C"]  # (classes, m, D) the target, carried to the source under each emotion',
    ]
    return export_model(Samples(gen_ST, gen_TS, scalers), "augment", signature, usage, to, card)


def export_sampler(
    method: keras.Model, decoder_map: Mapping[str, Any], to: Path, card: Mapping[str, Any]
) -> Path:
    """Writes what makes synthetic vectors as a SavedModel with the signature `sample(emotion, n, seed)`.

    Args:
        method: trained; see `Sample`.
        decoder_map: as of `load_decoder_map`.
        to, card: as of `export_generators`.

    Raises:
        TfserganError: the folder is in use, or can't be written.
    """
    card = {**card, "classes": decoder_map["classes"], "features": decoder_map["features"]}
    signature = [tf.TensorSpec((), kind, name) for kind, name in SAMPLE_ARGUMENTS]
    usage = [
        f'made = sample(emotion=tf.constant("{card["classes"][0]}"), n=tf.constant(5), seed=tf.constant(0))',
        f"# emotions: {', '.join(card['classes'])}; the same seed gives the same vectors",
        f'made["features"]  # (5, {len(card["features"])}) float32, raw, in the order of `features` in card.toml',
    ]
    return export_model(Sample(method, decoder_map), "sample", signature, usage, to, card)


def export_embedding(
    model: keras.Model, frame_map: Mapping[str, Any], to: Path, card: Mapping[str, Any]
) -> Path:
    """Writes the encoder and the emotion classifier of a model as a SavedModel with the signature `embed(frames)`.

    It takes frames, not a waveform: TensorFlow has no operation for the pitch track among them.

    Args:
        model: trained.
        frame_map: as of `load_frame_map`.
        to, card: as of `export_generators`.

    Raises:
        TfserganError: the folder is in use, or can't be written.
    """
    names = {key: frame_map[key] for key in ("classes", "features", "trained_on", "left_out")}
    card = {**card, **names, "takes": "frames, not a waveform: TensorFlow can't track pitch as they have it"}
    signature = [tf.TensorSpec((None, None, len(card["features"])), tf.float32, name="frames")]
    width = model.ENC.output_shape[-1]
    usage = [
        "from pathlib import Path",
        "from tfsergan.features import audio, frames  # the extra tfsergan[frames]",
        "",
        'recording = audio.resampled(audio.read_signal(Path("utterance.wav")))  # 16 kHz',
        f"x = frames.analyse(recording)[None]  # (1, t, {len(card['features'])}), raw, a frame every 10 ms",
        "found = embed(frames=tf.constant(x))  # or several utterances of one length",
        f'found["embedding"]  # (1, {width})',
        f'found["emotion"]  # (1, {len(card["classes"])}), probabilities: {", ".join(card["classes"])}',
    ]
    return export_model(Embed(model, frame_map), "embed", signature, usage, to, card)


def export_autoencoder(
    gan: keras.Model, scalers: Mapping[str, Any], to: Path, card: Mapping[str, Any]
) -> Path:
    """Writes encoder and generator of a mixup GAN as a SavedModel with the signature `recode`.

    Args:
        gan: trained.
        scalers: as of `load_scalers`.
        to, card: as of `export_generators`.

    Raises:
        TfserganError: the folder is in use, or can't be written.
    """
    card = {**card, "classes": scalers["classes"], "features": scalers["features"]}
    size, latent = len(scalers["features"]), gan.encoder_E.output_shape[-1]
    usage = [
        f"# x: (n, {size}) float32, raw, in the order of `features` in card.toml",
        "made = recode(features=x)",
        f'made["encoded"]  # (n, {latent})',
        f'made["features"]  # (n, {size}), raw: a synthetic vector of each, of the same emotion',
    ]
    signature = [tf.TensorSpec((None, size), tf.float32, name="features")]
    return export_model(Recode(gan, scalers), "recode", signature, usage, to, card)


def export_model(
    model: keras.Model,
    endpoint: str,
    signature: Sequence[tf.TensorSpec],
    usage: Sequence[str],
    to: Path,
    card: Mapping[str, Any],
) -> Path:
    """Writes a model's call as a SavedModel, with `card.toml` and `README.md`, into a new folder.

    Args:
        model: not trained any more.
        endpoint: name of the signature and of the attribute.
        signature: its arguments.
        usage: lines of Python that call it.
        to, card: as of `export_generators`.
    """
    to = to.resolve()
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise TfserganError(f"{to}: is there already. Choose a new folder with --to, or delete it.")
    unfinished = to.with_name(f".{to.name}.{os.getpid()}")
    try:
        unfinished.mkdir(parents=True)
        archive = keras.export.ExportArchive()
        archive.track(model)
        archive.add_endpoint(endpoint, model.call, input_signature=list(signature))
        archive.write_out(str(unfinished), verbose=False)
        write_card(unfinished, card, endpoint, usage)
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


def write_card(folder: Path, card: Mapping[str, Any], endpoint: str, usage: Sequence[str]) -> None:
    """The model card twice: TOML for programs, Markdown for people."""
    (folder / "card.toml").write_text(tomli_w.dumps({**card, "signature": endpoint}), encoding="utf-8")
    rows = [f"| {key} | {value} |" for key, value in flat(card) if key not in ("classes", "features")]
    text = [f"# {card['title']}", "", card["intended_use"], "", "| | |", "|---|---|", *rows, "", "## Use", ""]
    text += ["```python", "import tensorflow as tf", ""]
    text += [f'{endpoint} = tf.saved_model.load("FOLDER").signatures["{endpoint}"]', *usage, "```", ""]
    (folder / "README.md").write_text("\n".join(text), encoding="utf-8")


def flat(card: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Nested mappings as dotted keys."""
    pairs = []
    for key, value in card.items():
        pairs += flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else [(prefix + key, value)]
    return pairs
