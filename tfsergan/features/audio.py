"""Audio as samples: from any file that libsndfile reads, at one sample rate, fit for analysis or refused."""

import math
from fractions import Fraction
from math import gcd
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tfsergan.errors import TfserganError

SAMPLE_RATE = 16_000  # Hz, of all that is analysed or kept: the rate of the papers' corpora
LOWEST_RATE, HIGHEST_RATE = 8_000, 192_000  # Hz, of a file
OVERHANG = 0.5  # s that an utterance may end after its file: tables round their times


class Recording(NamedTuple):
    """Audio in memory.

    Attributes:
        id: the utterance's name, for messages.
        samples: (t,) float32 in [-1, 1), mono.
        sample_rate: Hz.
    """

    id: str
    samples: np.ndarray
    sample_rate: int

    def __str__(self) -> str:
        return self.id


Signal = Path | Recording
"""What is read by default: an audio file, or audio in memory."""


def read_signal(signal: Signal, start: float = 0.0, end: float = math.inf) -> Recording:
    """The audio of a file (channels averaged) from `start` to `end` in seconds, or a recording as it is.

    libsndfile reads WAV, FLAC, NIST SPHERE, Ogg, MP3 and more, of 8, 16, 24 or 32 bits; the sample rate stays.

    Raises:
        TfserganError: the file is not there, is not audio that libsndfile reads, or is too short for `start`
            or `end`; or `soundfile` is not installed.
    """
    if isinstance(signal, Recording):
        return signal
    try:
        import soundfile
    except ImportError as error:
        raise not_installed("soundfile", "frames") from error
    try:
        with soundfile.SoundFile(str(signal)) as file:
            rate = file.samplerate
            _require_inside(signal, start, end, file.frames / rate)
            first = round(start * rate)
            file.seek(min(first, file.frames))
            frames = -1 if end == math.inf else max(0, round(end * rate) - first)
            samples = file.read(frames, dtype="float32", always_2d=True)
    except (OSError, soundfile.SoundFileError) as error:
        raise TfserganError(
            f"{signal} cannot be read as audio ({error}): copy or download it again, or remove it."
        ) from error
    return Recording(signal.stem, samples.mean(axis=1), rate)


def _require_inside(path: Path, start: float, end: float, duration: float) -> None:
    """Refuses a file that ends before an utterance in it does: half a download would give half an utterance."""
    last = start if end == math.inf else end
    if last > duration + OVERHANG or (start > 0 and start >= duration):
        raise TfserganError(
            f"{path} lasts {duration:.2f} s, and an utterance in it goes from {start:.2f} s"
            f"{'' if end == math.inf else f' to {end:.2f} s'}: copy or download it again."
        )


def fault(recording: Recording) -> str | None:
    """Why a recording cannot be used, in words that follow its name; None if it can."""
    samples, rate = recording.samples, recording.sample_rate
    if not len(samples):
        return "holds no samples: copy or download it again, or remove it."
    if not np.isfinite(samples).all():
        return "holds samples that are not finite numbers: export it again as PCM, or remove it."
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        return (
            f"has a sample rate of {rate} Hz, not between {LOWEST_RATE} and {HIGHEST_RATE}: its header is "
            "probably wrong; copy or download it again, or remove it."
        )
    if (samples == samples[0]).all():
        return (
            f"is silent: all its {len(samples)} samples are {samples[0]:g}. Copy or download it again, or "
            "remove it."
        )
    return None


def resampled(recording: Recording) -> Recording:
    """The recording at `SAMPLE_RATE`; one that has this rate is returned as it is.

    `scipy.signal.resample_poly` with its own filter: linear phase, a Kaiser window (beta 5) over ten zero
    crossings on each side, half the amplitude at the lower of the two Nyquist frequencies. A file of a lower
    rate stays empty above its own Nyquist frequency.
    """
    if recording.sample_rate == SAMPLE_RATE:
        return recording
    common = gcd(recording.sample_rate, SAMPLE_RATE)
    up, down = SAMPLE_RATE // common, recording.sample_rate // common
    return Recording(recording.id, _resample(recording.samples, up, down), SAMPLE_RATE)


def at_speed(recording: Recording, speed: float) -> Recording:
    """The recording as played so many times as fast: shorter by this factor, and higher in pitch.

    Speed perturbation (Ko et al. 2015), resampled as in `resampled`; the sample rate stays.

    Args:
        recording: any.
        speed: above 0, at two decimals.
    """
    ratio = Fraction(round(100 * speed), 100)
    if ratio == 1:
        return recording
    samples = _resample(recording.samples, ratio.denominator, ratio.numerator)
    return recording._replace(samples=samples)


def _resample(samples: np.ndarray, up: int, down: int) -> np.ndarray:
    from scipy import signal  # imported late: start-up is light

    return signal.resample_poly(samples.astype(np.float64), up, down).astype(np.float32)


def sixteen_bit(recording: Recording) -> np.ndarray:
    """The samples (t,) as int16, rounded; what is out of range is clipped."""
    return np.clip(np.rint(recording.samples * 32768), -32768, 32767).astype(np.int16)


def not_installed(package: str, extra: str, note: str = "") -> TfserganError:
    """The error of a package that is wanted and that `tfsergan[extra]` would bring."""
    return TfserganError(
        f"The package {package!r} is needed here and is not installed. Install it with: "
        f'pip install "tfsergan[{extra}]"{note}.'
    )
