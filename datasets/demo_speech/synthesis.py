"""Emotional speech from rules: espeak-ng's voices, prosody by emotion, and a recording's channel.

The direction of each rule follows F. Burkhardt and W. F. Sendlmeier, "Verification of acoustical correlates
of emotional speech using formant-synthesis", ISCA Workshop on Speech and Emotion, 2000: pitch level and
range, speaking rate, loudness and voice quality. Their size is chosen so that a classifier confuses the
emotions about as often as those of acted speech.
"""

import ctypes
import dataclasses
import zlib
from pathlib import Path
from types import ModuleType

import numpy as np
from scipy import signal

from tfsergan.datasets.demo_speech.script import (
    RULES,
    VARIATION,
    Production,
    Prosody,
    Utterance,
    Voice,
)
from tfsergan.errors import TfserganError
from tfsergan.features.audio import SAMPLE_RATE, Recording

ESPEAK_RATE = 22_050  # Hz, of every espeak-ng voice
TILT_CORNER = 1_000  # Hz
TILT = 7.0  # dB that the band above the corner gains in a fully tense voice, and loses in a fully breathy one
CHANNEL_TILT = 1.5  # dB, standard deviation of a session's own colour in that band
CHANNEL_LEVEL = 1.5  # dB, standard deviation of a session's own level
BREATH = 0.05  # of the envelope, aspiration noise in a fully breathy voice

SYNCHRONOUS, DONT_EXIT = 2, 0x8000  # espeak_Initialize: samples to the callback; return errors
RATE, VOLUME, PITCH, RANGE = 1, 2, 3, 4  # espeak_SetParameter
RATE_LIMITS, STEP_LIMITS = (80, 400), (0, 99)
HEADROOM_VOLUME = 45  # of 100; low enough that no voice clips inside espeak-ng
CHARS_UTF8 = 1
MAX_DATA_PATH = 155  # characters; espeak-ng cuts off what is longer, without a word

_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


def synthesize(utterance: Utterance, seed: int) -> Recording:
    """Speaks an utterance: the same samples for the same utterance and seed, in any process and order.

    Returns:
        16 kHz mono samples (t,) float32, whole 16-bit steps.

    Raises:
        TfserganError: `espeakng-loader` is not installed, or its library does not work here.
    """
    rng = _generator(seed, utterance.id)
    room = _generator(seed, utterance.session or utterance.voice.speaker)
    prosody = perform(utterance, rng)
    samples = speak(utterance.text, utterance.voice, prosody, int(rng.integers(1, 2**31)))
    samples = _voice_quality(samples, prosody.tension, rng)
    samples = _record(samples, prosody.loudness, utterance.production, rng, room)
    steps = np.clip(np.rint(samples * 32768), -32768, 32767)
    return Recording(utterance.id, (steps / 32768).astype(np.float32), SAMPLE_RATE)


def perform(utterance: Utterance, rng: np.random.Generator) -> Prosody:
    """An emotion's rule at a random strength, plus the variation that any utterance has."""
    strength = rng.uniform(*utterance.production.strength)
    rule = RULES[utterance.emotion or "neutral"]
    return Prosody(
        **{
            field.name: strength * getattr(rule, field.name) + rng.normal(0, getattr(VARIATION, field.name))
            for field in dataclasses.fields(Prosody)
        }
    )


def speak(text: str, voice: Voice, prosody: Prosody, seed: int) -> np.ndarray:
    """espeak-ng's reading of a text, (t,) float64 in [-1, 1) at 16 kHz.

    The library is loaded afresh for every utterance (4 ms in all): its noise and its pitch flutter go on from
    one utterance to the next, even through `espeak_Initialize`, and samples would depend on what came before.
    """
    espeakng = espeakng_loader()
    library = ctypes.CDLL(espeakng.get_library_path())
    try:
        chunks = _read_aloud(library, espeakng.get_data_path(), text, voice, prosody, seed)
    finally:
        library.espeak_Terminate()
        _unload(library)
    samples = np.concatenate(chunks) / 32768
    return signal.resample_poly(samples, SAMPLE_RATE // 50, ESPEAK_RATE // 50)


def _read_aloud(
    library: ctypes.CDLL, data: str, text: str, voice: Voice, prosody: Prosody, seed: int
) -> list[np.ndarray]:
    chunks = []

    def keep(samples, count, events):  # samples is None at the end
        if samples and count > 0:
            chunks.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    callback = _Callback(keep)
    if len(data) > MAX_DATA_PATH or library.espeak_Initialize(SYNCHRONOUS, 0, data.encode(), DONT_EXIT) < 0:
        raise TfserganError(
            f"espeak-ng cannot use its voices in {data}. If that path has over {MAX_DATA_PATH} characters, "
            "use a virtual environment in a shorter one; if not, reinstall espeakng-loader."
        )
    library.espeak_ng_SetRandSeed(ctypes.c_long(seed))
    library.espeak_SetSynthCallback(callback)
    variant = Path(data, "voices", "!v", voice.name.partition("+")[2])  # espeak-ng passes over an unknown one
    if not variant.is_file() or library.espeak_SetVoiceByName(voice.name.encode()):
        raise TfserganError(f"espeak-ng has no voice {voice.name!r}: install espeakng-loader 0.2.4 or later.")
    settings = {
        RATE: np.clip(voice.rate * np.exp(prosody.rate), *RATE_LIMITS),
        VOLUME: HEADROOM_VOLUME,
        PITCH: np.clip(voice.pitch + prosody.pitch, *STEP_LIMITS),
        RANGE: np.clip(50 + prosody.range, *STEP_LIMITS),
    }
    for parameter, value in settings.items():
        library.espeak_SetParameter(parameter, round(value), 0)
    encoded = text.encode()
    if library.espeak_Synth(encoded, len(encoded) + 1, 0, 1, 0, CHARS_UTF8, None, None) or not chunks:
        raise TfserganError(
            f"espeak-ng could not read {text!r} with voice {voice.name!r}: reinstall espeakng-loader."
        )
    return chunks


def _voice_quality(samples: np.ndarray, tension: float, rng: np.random.Generator) -> np.ndarray:
    """Tense voices have more energy in the upper harmonics; breathy ones less of it, and aspiration noise."""
    tension = float(np.clip(tension, -1.5, 1.5))
    samples = _tilt(samples, TILT * tension)
    if tension >= 0:
        return samples
    envelope = signal.lfilter(*signal.butter(1, 30, fs=SAMPLE_RATE), np.abs(samples))
    noise = signal.lfilter([1, -0.9], [1], rng.normal(size=samples.size))
    return samples - BREATH * tension * envelope * noise


def _record(
    samples: np.ndarray,
    loudness: float,
    production: Production,
    rng: np.random.Generator,
    room: np.random.Generator,
) -> np.ndarray:
    """What the microphone of a session hears: its room's echo, colour, level and noise, and its bandwidth."""
    samples = _tilt(samples, room.normal(0, CHANNEL_TILT))
    level = production.level + loudness + room.normal(0, CHANNEL_LEVEL)
    if production.reverberation:
        time = np.arange(int(production.reverberation * SAMPLE_RATE)) / SAMPLE_RATE
        echo = 0.05 * room.normal(size=time.size) * 10 ** (-3 * time / production.reverberation)
        echo[0] = 1
        samples = signal.fftconvolve(samples, echo)
    samples = samples * 10 ** (level / 20)
    samples = samples + rng.normal(0, 10 ** (production.noise / 20), samples.size)
    return signal.lfilter(*signal.butter(4, production.bandwidth, fs=SAMPLE_RATE), samples)


def _tilt(samples: np.ndarray, gain: float) -> np.ndarray:
    """The samples with the band above `TILT_CORNER` raised by `gain` dB."""
    low = signal.lfilter(*signal.butter(1, TILT_CORNER, fs=SAMPLE_RATE), samples)
    return low + (samples - low) * 10 ** (gain / 20)


def _generator(seed: int, name: str) -> np.random.Generator:
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def espeakng_loader() -> ModuleType:
    """The package that brings espeak-ng.

    Raises:
        TfserganError: it is not installed.
    """
    try:
        import espeakng_loader as package
    except ImportError as error:
        raise TfserganError(
            "The package 'espeakng-loader' is needed to make the demo corpus and is not installed here. "
            'Install it with: pip install "tfsergan[demo]".'
        ) from error
    return package


def _unload(library: ctypes.CDLL) -> None:
    import _ctypes

    close = getattr(_ctypes, "dlclose", None) or _ctypes.FreeLibrary
    close(library._handle)
