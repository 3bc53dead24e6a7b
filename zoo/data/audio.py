"""Speech: decoding. A clip is float32 (samples,), mono, in -1..1."""

import io
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
