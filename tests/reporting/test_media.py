"""Pictures and sounds of a page stay within what they may take."""

import base64
import io

import numpy as np
import soundfile
from PIL import Image

from zoo.reporting.media import picture_uri, sound_uri

RATE = 22_050


def test_a_picture_that_needs_too_much_becomes_coarser_and_then_smaller() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (480, 480, 3), dtype=np.uint8)
    picture = Image.fromarray(noise)
    for most in (200_000, 40_000, 10_000):
        text = picture_uri(picture, most)
        assert len(text) <= most
        shown = Image.open(io.BytesIO(base64.b64decode(text.partition(",")[2])))
        assert shown.width == shown.height <= 480
    plain = picture_uri(Image.new("RGB", (480, 320)), 40_000)
    assert Image.open(io.BytesIO(base64.b64decode(plain.partition(",")[2]))).size == (480, 320)


def clip(seconds: float) -> bytes:
    """A tone as the bytes of a file."""
    written = io.BytesIO()
    times = np.arange(int(seconds * RATE)) / RATE
    soundfile.write(written, 0.5 * np.sin(2 * np.pi * 440 * times), RATE, format="WAV")
    return written.getvalue()


def test_a_clip_is_heard_whole_where_it_fits_and_else_begins() -> None:
    text, seconds, whole = sound_uri(clip(2), 50_000)
    assert seconds == whole == 2 and len(text) <= 50_000
    samples, rate = soundfile.read(io.BytesIO(base64.b64decode(text.partition(",")[2])))
    assert abs(len(samples) / rate - 2) < 0.15
    text, seconds, whole = sound_uri(clip(20), 20_000)
    assert len(text) <= 21_000 and 5 < seconds < whole == 20
