"""openSMILE functionals: one fixed-length vector of statistics an utterance, from audio."""

import functools
import importlib.metadata
import importlib.util
import sys
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from tfsergan.errors import UsageError
from tfsergan.features.audio import Recording, not_installed
from tfsergan.processes import map_processes

FEATURE_SETS = {"is09": 384, "is10": 1582, "is11": 4368, "is13": 6373}
"""The INTERSPEECH challenges' feature sets by name, with their number of functionals."""

SHORTEST = 0.025  # s; openSMILE's frame: a signal with no whole frame after it has no functionals


def feature_names(feature_set: str) -> tuple[str, ...]:
    """openSMILE's names of a set's functionals, in their order.

    Raises:
        UsageError: there is no such set.
        TfserganError: the package `opensmile` is not installed.
    """
    if feature_set not in FEATURE_SETS:
        raise UsageError(f"There is no feature set {feature_set!r}; there are {', '.join(FEATURE_SETS)}.")
    if not importlib.util.find_spec("opensmile"):
        raise not_installed("opensmile", "demo", " (openSMILE's licence is for research and education)")
    return _names(feature_set)


def version() -> str | None:
    """What the values depend on beside the samples; None where openSMILE is not installed."""
    try:
        return f"opensmile {importlib.metadata.version('opensmile')}"
    except importlib.metadata.PackageNotFoundError:
        return None


def analyse(recording: Recording, feature_set: str) -> np.ndarray | str:
    """The functionals (d,) float32 of a recording, raw and finite, or why there are none.

    Never in a process that has TensorFlow, see `map_processes`.
    """
    samples, rate = recording.samples, recording.sample_rate
    if len(samples) <= SHORTEST * rate:
        return (
            f"lasts {1000 * len(samples) / rate:.0f} ms; openSMILE needs more than "
            f"{1000 * SHORTEST:.0f} ms: remove it or record it again."
        )
    vector = _functionals(samples, rate, feature_set)
    return _not_finite(vector, _smile(feature_set).feature_names) or vector


def _not_finite(vector: np.ndarray, names: Sequence[str]) -> str | None:
    """What is wrong with a vector (d,) that has values which are not finite numbers; None if it has none."""
    broken = np.flatnonzero(~np.isfinite(vector))
    if not broken.size:
        return None
    return (
        f"gives {broken.size} of {vector.size} functionals that are not finite numbers (first: "
        f"{names[broken[0]]}); it is probably too short or damaged: listen to it, copy it again or remove it."
    )


def _functionals(samples: np.ndarray, rate: int, feature_set: str) -> np.ndarray:
    # opensmile multiplies by 32768 and casts to int16, so that a full-scale +1.0 would wrap to -32768.
    samples = np.clip(samples, -1, 32767 / 32768).astype(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "too short, filling with NaN": reported with the file's name
        return _smile(feature_set)(samples, rate)[0, :, 0].astype(np.float32)


@functools.cache
def _names(feature_set: str) -> tuple[str, ...]:
    """The names, asked of openSMILE in a process of its own."""
    (names,) = map_processes(_own_names, [feature_set], jobs=1, task=f"names of {feature_set}")
    return names


def _own_names(feature_set: str) -> tuple[str, ...]:
    return tuple(_smile(feature_set).feature_names)


@functools.cache
def _smile(feature_set: str) -> Any:
    """The extractor, set up once a process."""
    if "tensorflow" in sys.modules:  # better than the crash that would follow
        raise RuntimeError("openSMILE must not be loaded into a process that has TensorFlow")
    import opensmile

    return opensmile.Smile(
        getattr(opensmile.FeatureSet, feature_set.upper()), opensmile.FeatureLevel.Functionals, loglevel=0
    )
