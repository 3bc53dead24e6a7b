"""Speech: decoding, and what may change in a clip; every draw from the generator handed in.

A clip is float32 (samples,), mono, in -1..1.
"""

import io
import math
from pathlib import Path

import numpy as np
import soundfile

from zoo.data.rows import CorruptExample


def decode_audio(source: bytes | Path) -> tuple[np.ndarray, int]:
    """(clip, samples per second), channels averaged; raises CorruptExample if that fails."""
    try:
        samples, rate = soundfile.read(_opened(source), dtype="float32", always_2d=True)
    except (OSError, RuntimeError) as error:
        raise CorruptExample(f"{_named(source)} ({error})") from error
    if not len(samples) or not np.isfinite(samples).all():
        raise CorruptExample(f"{_named(source)} (no sound in it)")
    return samples.mean(axis=1, dtype=np.float32), int(rate)


def seconds_of(source: bytes | Path) -> float:
    """How long a clip is, from its header alone; raises CorruptExample if that cannot be read."""
    try:
        return float(soundfile.info(_opened(source)).duration)
    except (OSError, RuntimeError) as error:
        raise CorruptExample(f"{_named(source)} ({error})") from error


def _opened(source: bytes | Path) -> io.BytesIO | str:
    return io.BytesIO(source) if isinstance(source, bytes) else str(source)


def _named(source: bytes | Path) -> str:
    return f"{len(source)} bytes" if isinstance(source, bytes) else str(source)


def resample(clip: np.ndarray, rate: int, wanted: int) -> np.ndarray:
    """The clip at `wanted` samples per second, by a polyphase filter."""
    if rate == wanted:
        return clip
    from scipy.signal import resample_poly  # half a second of imports, only for those who need it

    divisor = math.gcd(rate, wanted)
    return np.asarray(resample_poly(clip, wanted // divisor, rate // divisor), dtype=np.float32)


def random_speed(
    clip: np.ndarray, factors: tuple[float, float], rng: np.random.Generator
) -> np.ndarray:
    """Faster or slower by a factor (pitch moves along), by linear interpolation."""
    factor = rng.uniform(*factors)
    places = np.arange(0, len(clip) - 1, factor)
    return np.interp(places, np.arange(len(clip)), clip).astype(np.float32)


def random_noise(
    clip: np.ndarray, decibels: tuple[float, float], rng: np.random.Generator
) -> np.ndarray:
    """White noise added, at a signal-to-noise ratio in dB drawn from the range."""
    power = float(np.mean(np.square(clip, dtype=np.float64)))
    level = math.sqrt(power / 10 ** (rng.uniform(*decibels) / 10))
    return clip + np.float32(level) * rng.standard_normal(len(clip), dtype=np.float32)


def random_silence(
    clip: np.ndarray, rate: int, seconds: float, rng: np.random.Generator
) -> np.ndarray:
    """Up to so many seconds of silence put before, and as many after."""
    before, after = rng.integers(0, round(seconds * rate) + 1, 2)
    return np.pad(clip, (before, after))


def spec_augment(
    features: np.ndarray,
    freq_masks: int,
    freq_width: int,
    time_masks: int,
    time_width: int | float,
    rng: np.random.Generator,
) -> np.ndarray:
    """A copy of features (frames, mels) with bands and stretches set to 0 (arXiv 1904.08779).

    Widths are drawn from 0 to the given ones; a `time_width` between 0 and 1 is a share of the
    frames.
    """
    frames, mels = features.shape
    longest = int(time_width * frames) if isinstance(time_width, float) else time_width
    masked = features.copy()
    for _ in range(freq_masks):
        start, end = _stretch(mels, freq_width, rng)
        masked[:, start:end] = 0
    for _ in range(time_masks):
        start, end = _stretch(frames, longest, rng)
        masked[start:end] = 0
    return masked


def _stretch(whole: int, widest: int, rng: np.random.Generator) -> tuple[int, int]:
    width = int(rng.integers(0, min(widest, whole) + 1))
    start = int(rng.integers(0, whole - width + 1))
    return start, start + width
