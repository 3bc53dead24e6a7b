"""Speech: decoding. A clip is float32 (samples,), mono, in -1..1.

A file that holds less than its header says is corrupt: its transcript would be learned from half
of the clip. libsndfile reads most of such files to their end without an error.
"""

import io
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import soundfile

from zoo.data.rows import CorruptExample

_RATES = (1_000, 192_000)  # samples per second that recorders write; others are damaged headers
LONGEST = 24 * 3600
"""Seconds of a clip; a header that says more is damaged."""
_SHOULD_BE = re.compile(r":\s*(\d+) \(should be (\d+)\)")
_SLACK = 8  # bytes: some writers count the first chunk's own header
_UNKNOWN_SIZE = 0x7F000000  # and above: a stream wrote its header before it knew its length
_LARGEST_PAGE = 65_307  # bytes, of Ogg
_ROUNDED = 0.1  # seconds by which a list of clips may say too much
_LEFT = 2048  # bytes that an MP3 decoder may leave unread: a frame and a tag


class Stretch(NamedTuple):
    """Part of a recording: where it starts and how long it is (None: to the end), in seconds, and
    the channel that is heard (None: the mean of all).
    """

    source: bytes | Path | str
    start: float = 0.0
    seconds: float | None = None
    channel: int | None = None


Source = bytes | Path | Stretch
"""What is decoded: a file's bytes, a file, or a part of either."""


def decode_audio(source: Source) -> tuple[np.ndarray, int]:
    """(clip, samples per second), channels averaged; of a stretch nothing else is decoded. Raises
    CorruptExample if that fails.
    """
    of = source if isinstance(source, Stretch) else Stretch(source)
    with _opened(of.source) as (sound, file):
        samples = _heard(sound, file, of)
        if not len(samples) or not np.isfinite(samples).all():
            raise ValueError("no sound in it")
        if of.channel is not None:
            samples = samples[:, of.channel : of.channel + 1]
            if not samples.size:
                raise ValueError(f"no channel {of.channel}")
        return samples.mean(axis=1, dtype=np.float32), int(sound.samplerate)


def _heard(sound: soundfile.SoundFile, file: BinaryIO, of: Stretch) -> np.ndarray:
    """The samples of a stretch, float32 (samples, channels); raises ValueError where the file ends
    before it does.
    """
    first = round(of.start * sound.samplerate)
    if first:
        if first >= sound.frames:
            raise ValueError(f"it ends after {sound.frames / sound.samplerate:.2f} s")
        sound.seek(first)
    count = -1 if of.seconds is None else round(of.seconds * sound.samplerate)
    samples: np.ndarray = sound.read(count, dtype="float32", always_2d=True)
    if count < 0:
        wrong = _other_length(sound, file, first + len(samples))
    else:
        short = count - len(samples) > _ROUNDED * sound.samplerate
        wrong = f"truncated: {len(samples)} of {count} samples" if short else ""
    if wrong:
        raise ValueError(wrong)
    return samples


def seconds_of(source: Source) -> float:
    """How long a clip is, as it says or from its header alone; raises CorruptExample if that cannot
    be read.
    """
    of = source if isinstance(source, Stretch) else Stretch(source)
    if of.seconds is not None:
        return of.seconds
    with _opened(of.source) as (sound, _):
        return float(sound.frames / sound.samplerate) - of.start


class _Patient:
    """Stays where it is when a damaged header seeks nowhere.

    libsndfile calls this from C, where an exception is printed with its traceback and lost.
    """

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        try:
            return super().seek(offset, whence)  # type: ignore[misc]
        except (ValueError, OSError):
            return self.tell()  # type: ignore[attr-defined]


class _Memory(_Patient, io.BytesIO): ...


class _Disk(_Patient, io.BufferedReader): ...


@contextmanager
def _opened(source: bytes | Path | str) -> Iterator[tuple[soundfile.SoundFile, BinaryIO]]:
    """The sound and its file, if the header can be true; all that fails is a CorruptExample."""
    try:
        stream = (
            _Memory(source) if isinstance(source, bytes) else _Disk(io.FileIO(os.fspath(source)))
        )
        with stream as file, soundfile.SoundFile(file) as sound:
            where = file.tell()
            if wrong := _wrong_header(sound) or _cut_off(sound, file):
                raise ValueError(wrong)
            file.seek(where)
            yield sound, file
    except Exception as error:  # a damaged header makes readers raise nearly anything
        named = f"{len(source)} bytes" if isinstance(source, bytes) else source
        why = getattr(error, "error_string", "") or error or type(error).__name__
        raise CorruptExample(f"{named} ({why})") from error


def _wrong_header(sound: soundfile.SoundFile) -> str:
    low, high = _RATES
    if not low <= sound.samplerate <= high:
        return f"{sound.samplerate} samples per second; {low} to {high} are sound"
    if sound.frames > LONGEST * sound.samplerate:
        return f"a header of {sound.frames} samples"
    return ""


def _cut_off(sound: soundfile.SoundFile, file: BinaryIO) -> str:
    """What tells that a file ends too early: libsndfile's log, or the format's own counts."""
    for said, found in _SHOULD_BE.findall(sound.extra_info):
        if int(found) + _SLACK < int(said) < _UNKNOWN_SIZE:
            return f"truncated: {found} of {said} bytes"
    missing = _ENDS.get(sound.format)
    short = missing is not None and missing(file, file.seek(0, io.SEEK_END))
    return "truncated" if short or "truncated file" in sound.extra_info else ""


def _other_length(sound: soundfile.SoundFile, file: BinaryIO, samples: int) -> str:
    """What tells that not all was decoded; an MP3's own number of samples may be a guess."""
    if sound.format != "MP3":
        return f"truncated: {samples} of {sound.frames} samples" if samples < sound.frames else ""
    read = file.tell()
    unread = file.seek(0, io.SEEK_END) - read
    if unread > _LEFT and _promised_bytes(file) is None:
        return f"{unread} bytes were not read: its bit rate varies, and no frame says its length"
    return ""


def _without_last_page(file: BinaryIO, size: int) -> bool:
    """Whether Ogg's last page is incomplete or not marked as the last."""
    file.seek(max(0, size - _LARGEST_PAGE))
    tail = file.read()
    page = tail[tail.rfind(b"OggS") :]
    segments = page[26]
    whole = 27 + segments + sum(page[27 : 27 + segments]) <= len(page)
    return not whole or not page[5] & 4


def _lacks_promised_bytes(file: BinaryIO, size: int) -> bool:
    """Whether an MP3 is shorter than its first frame says."""
    promised = _promised_bytes(file)
    return promised is not None and size < promised


def _promised_bytes(file: BinaryIO) -> int | None:
    """Where an MP3 ends by its first frame (Xing or Info); None where an encoder left none."""
    file.seek(0)
    head = file.read(10)
    start = 0
    if head[:3] == b"ID3":  # a tag in front; its size is written in 7 bits a byte
        start = 10 + sum(byte << 7 * (3 - i) for i, byte in enumerate(head[6:]))
    file.seek(start)
    frame = file.read(200)
    place = max(frame.find(name) for name in (b"Xing", b"Info"))
    flags = frame[place + 7] if place >= 0 else 0
    if not flags & 2:
        return None
    behind = place + 8 + 4 * (flags & 1)  # the number of frames comes first, if it is given
    return start + int.from_bytes(frame[behind : behind + 4], "big")


def _fewer_than_sample_count(file: BinaryIO, size: int) -> bool:
    """Whether a NIST SPHERE file lacks samples that its header, which is text, counts."""
    file.seek(0)
    header = file.read(1024).decode("latin-1")
    found = {key: int(n) for key, n in re.findall(r"(\w+) -i (\d+)", header)}
    one = found.get("sample_n_bytes", 0) * found.get("channel_count", 1)
    return size - int(header.split()[1]) < found.get("sample_count", 0) * one


_ENDS = {
    "OGG": _without_last_page,
    "MP3": _lacks_promised_bytes,
    "NIST": _fewer_than_sample_count,
}
