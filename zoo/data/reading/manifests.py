"""Lists of clips as toolkits for speech write them, as columns `audio` and `transcript`.

- NeMo's manifests: an object a line with `audio_filepath`, `text`, `duration` and `offset`
  (nemo/collections/common/parts/preprocessing/manifest.py);
- lhotse's cuts: an object a line with `recording`, `supervisions`, `start`, `duration` and
  `channel` (lhotse/cut/mono.py);
- Kaldi's data folders: wav.scp, and `text` and `segments` beside it (kaldi-asr.org: data prep).

A clip is {"path", "offset", "duration", "channel"}: seconds, and what is not given is not there.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from zoo.data.reading.packed import open_text

_ARCHIVE = ".ark:"
_BESIDE = ("text", "segments")


def manifest_row(row: Mapping[str, Any]) -> tuple[Mapping[str, Any], str]:
    """(columns, what is wrong) of a line of NeMo's or lhotse's; other rows as they are."""
    if "audio_filepath" in row:
        clip = {"path": row["audio_filepath"], **_given(row, "offset", "duration")}
        said = {"transcript": row["text"]} if "text" in row else {}
        return {"audio": clip, **said, **row, "audio_filepath": clip}, ""
    if "tracks" in row and str(row.get("type")).endswith("Cut"):
        return {}, "a cut of several tracks; only cuts of one recording are read"
    if "supervisions" in row and "start" in row:
        return _cut(row)
    return row, ""


def _given(row: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: row[name] for name in names if row.get(name) is not None}


def _cut(row: Mapping[str, Any]) -> tuple[Mapping[str, Any], str]:
    recording, said = row.get("recording"), row["supervisions"]
    sources = recording.get("sources") if isinstance(recording, Mapping) else None
    if not isinstance(sources, list) or not all(isinstance(one, Mapping) for one in sources):
        return {}, "a cut without the sources of its recording"
    if not isinstance(said, list) or not all(isinstance(one, Mapping) for one in said):
        return {}, "supervisions that are no list of objects"
    channel = str(row.get("channel"))
    of_channel = [one for one in sources if channel in _channels(one)]
    source: Mapping[str, Any] = next(iter(of_channel or sources), {})
    if source.get("type") != "file":
        return {}, f"a recording from a {source.get('type')}; only files are read"
    clip = {"path": source.get("source"), "offset": row["start"], **_given(row, "duration")}
    if of_channel and len(_channels(source)) > 1:
        clip["channel"] = _channels(source).index(channel)  # among those of its file
    try:
        ordered = sorted(said, key=lambda one: float(one.get("start") or 0))
    except (TypeError, ValueError):
        return {}, "supervisions whose starts are no seconds"
    texts = [one["text"] for one in ordered if isinstance(one.get("text"), str)]
    return {"audio": clip, **({"transcript": " ".join(texts)} if texts else {}), **row}, ""


def _channels(source: Mapping[str, Any]) -> list[str]:
    """The channels that a file of a recording's holds."""
    found = source.get("channels")
    return list(map(str, found)) if isinstance(found, list) else []


def kaldi_rows(path: Path) -> Iterator[tuple[str, Mapping[str, Any], str]]:
    """(place, columns, what is wrong) of each utterance of a wav.scp: of each of its segments,
    where there are some.
    """
    recordings = dict(_pairs(path))
    texts, segments = (path.with_name(name) for name in _BESIDE)
    said = dict(_pairs(texts)) if texts.is_file() else {}
    whole = ((name, f"{name} 0 -1") for name in recordings)
    for name, where in _pairs(segments) if segments.is_file() else whole:
        clip, fault = _segment(recordings, where)
        values = {"audio": clip, **({"transcript": said[name]} if name in said else {})}
        place = f"utterance {name}".encode(errors="replace").decode()
        yield place, {} if fault else values, fault


def read_with(path: Path) -> list[Path]:
    """A wav.scp and the files beside it that it is read with."""
    beside = [path.with_name(name) for name in _BESIDE]
    return [path, *(one for one in beside if one.is_file())]


def _segment(recordings: Mapping[str, str], where: str) -> tuple[dict[str, Any], str]:
    """The clip of a recording's name, its start and its end, and what is wrong with it."""
    try:
        name, first, last = where.split()[:3]
        start, end = float(first), float(last)
    except ValueError:
        return {}, f"a segment {where!r}, which is no recording, start and end"
    source = recordings.get(name)
    if source is None:
        return {}, f"a recording {name} that wav.scp does not list"
    if source.endswith("|") or _ARCHIVE in source:
        return {}, f"{source!r}, a command or an archive; only files of sound are read"
    clip: dict[str, Any] = {"path": source}
    if start > 0 or end >= 0:
        clip["offset"] = start
    if end >= 0:
        clip["duration"] = end - start
    return clip, ""


def _pairs(path: Path) -> Iterator[tuple[str, str]]:
    """The first word of each line and the rest of it."""
    with open_text(path) as file:
        for line in file:
            name, _, rest = line.strip().partition(" ")
            if name:
                yield name, rest.strip()
