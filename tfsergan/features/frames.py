"""Frame features of Li et al. 2020 (sec. 5): log-mel bands, pitch and energy every 10 ms.

All of it is Kaldi's own arithmetic (package `kaldi-native-fbank`), on samples scaled as 16-bit integers, and at
Kaldi's defaults where the paper gives nothing: povey window, pre-emphasis 0.97, bands from 20 Hz to the Nyquist
frequency, pitch from 50 to 400 Hz. There is no dither, so that the same samples give the same values.
"""

import functools
import importlib.metadata
import importlib.util
from typing import Any

import numpy as np

from tfsergan.features.audio import SAMPLE_RATE, Recording, not_installed

BANDS = 40
WINDOW, HOP = 40, 10  # ms
NAMES = (*(f"logmel[{band}]" for band in range(BANDS)), "nccf", "f0", "log_energy")
"""The 43 columns. `nccf`: normalised cross-correlation of the pitch track, about 1 in voiced frames and 0 in
unvoiced ones. `f0`: Hz, a track through every frame (Ghahremani et al. 2014); it means nothing where `nccf` is
low. `log_energy`: natural logarithm of the sum of squares of the frame without its mean."""

_VERSION = 1  # of the settings in this module; part of what a stored value is known by
_POV_EXPONENT, _POV_OFFSET = 0.15, 1.0001  # of Kaldi's warping of the NCCF, undone in `_pitch`


def require() -> None:
    """Raises TfserganError where `kaldi-native-fbank` is not installed."""
    if not importlib.util.find_spec("kaldi_native_fbank"):
        raise not_installed("kaldi-native-fbank", "frames")


def version() -> str | None:
    """What the values depend on beside the samples; None where the package is not installed."""
    try:
        package = importlib.metadata.version("kaldi-native-fbank")
    except importlib.metadata.PackageNotFoundError:
        return None
    return f"kaldi-native-fbank {package}, frames {_VERSION}"


def analyse(recording: Recording) -> np.ndarray | str:
    """The frames (f, 43) float32 of a recording at 16 kHz, finite, or why there are none.

    f = 1 + (t - 640) // 160: only whole windows count.
    """
    samples = recording.samples.astype(np.float32) * 32768
    if len(samples) < SAMPLE_RATE * WINDOW // 1000:
        return (
            f"lasts {1000 * len(samples) / SAMPLE_RATE:.1f} ms; one window needs {WINDOW} ms: remove it or "
            "record it again."
        )
    energy, bands = np.split(_bands(samples), [1], axis=1)
    nccf, f0 = _pitch(samples, len(bands))
    return np.column_stack([bands, nccf, f0, energy]).astype(np.float32)


def frames_in(seconds: float) -> int:
    """Frames of so many seconds of audio, at least one."""
    return 1 + max(0, round(1000 * seconds) - WINDOW) // HOP


def _bands(samples: np.ndarray) -> np.ndarray:
    """(f, 1 + BANDS): log energy, log-mel bands."""
    import kaldi_native_fbank as kaldi

    fbank = kaldi.OnlineFbank(_fbank_options())
    fbank.accept_waveform(SAMPLE_RATE, samples)
    fbank.input_finished()
    return np.stack([fbank.get_frame(i) for i in range(fbank.num_frames_ready)])


def _pitch(samples: np.ndarray, frames: int) -> tuple[np.ndarray, np.ndarray]:
    """NCCF and f0, each (f,); Kaldi counts pitch frames at 4 kHz, which may make one more than there are."""
    import kaldi_native_fbank as kaldi

    warped, log_f0 = kaldi.compute_and_process_kaldi_pitch(*_pitch_options(), samples)[:frames].T
    nccf = _POV_OFFSET - (1 + warped.astype(np.float64)) ** (1 / _POV_EXPONENT)
    return nccf, np.exp(log_f0)


@functools.cache
def _fbank_options() -> Any:
    import kaldi_native_fbank as kaldi

    return kaldi.FbankOptions(
        frame_opts=kaldi.FrameExtractionOptions(
            samp_freq=SAMPLE_RATE, frame_length_ms=WINDOW, frame_shift_ms=HOP, dither=0
        ),
        mel_opts=kaldi.MelBanksOptions(num_bins=BANDS),
        use_energy=True,
    )


@functools.cache
def _pitch_options() -> tuple[Any, Any]:
    import kaldi_native_fbank as kaldi

    extraction = kaldi.PitchExtractionOptions(
        samp_freq=SAMPLE_RATE, frame_length_ms=WINDOW, frame_shift_ms=HOP
    )
    columns = kaldi.ProcessPitchOptions(
        pov_scale=1, add_normalized_log_pitch=False, add_delta_pitch=False, add_raw_log_pitch=True
    )
    return extraction, columns
