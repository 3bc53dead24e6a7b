"""Pictures and sounds that stand in a page themselves, each within so many characters."""

import base64
import io
from typing import Any

import soundfile
from PIL import Image

from zoo.data.audio import decode_audio
from zoo.tasks.speech.augment import resampled

QUALITIES = (85, 70, 50, 30)
RATES = (16_000, 8_000)
"""Samples a second at which MP3 is written, the best that fits first."""
_SHRINK = 0.7
_SMALLEST = 64


def picture_uri(picture: Image.Image, most: int) -> str:
    """A picture as a JPEG of at most about `most` characters, of less quality or smaller where it
    needs more.
    """
    picture = picture.convert("RGB")
    while True:
        for quality in QUALITIES:
            written = io.BytesIO()
            picture.save(written, "JPEG", quality=quality)
            text = _uri("image/jpeg", written)
            if len(text) <= most or min(picture.size) <= _SMALLEST:
                return text
        sides = [round(_SHRINK * side) for side in picture.size]
        picture = picture.resize((sides[0], sides[1]), Image.Resampling.BILINEAR)


def sound_uri(clip: Any, most: int) -> tuple[str, float, float]:
    """A clip as an MP3 of at most about `most` characters, how many of its seconds, and how many
    there are: its beginning where it is too long, and no text where this soundfile writes no MP3.

    Raises CorruptExample for a clip that cannot be read.
    """
    if "MP3" not in soundfile.available_formats():
        return "", 0.0, 0.0
    audio, own = decode_audio(clip)
    whole, text = len(audio) / own, ""
    for rate in RATES:
        text = _as_mp3(resampled(audio, own, rate), rate)
        if len(text) <= most:
            return text, whole, whole
    seconds = whole * most / len(text)
    begun = resampled(audio, own, RATES[-1])[: int(seconds * RATES[-1])]
    return _as_mp3(begun, RATES[-1]), seconds, whole


def _as_mp3(samples: Any, rate: int) -> str:
    written = io.BytesIO()
    soundfile.write(written, samples, rate, format="MP3", subtype="MPEG_LAYER_III")
    return _uri("audio/mpeg", written)


def _uri(kind: str, written: io.BytesIO) -> str:
    return f"data:{kind};base64," + base64.b64encode(written.getvalue()).decode()
