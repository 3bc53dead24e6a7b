"""Lists of clips as NeMo, lhotse and Kaldi write them: a part of a longer file is decoded alone."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.data.sources.reading import rows_of, said
from zoo.data import audio
from zoo.data.rows import Rows
from zoo.data.source import open_source

RATE = 8000
SAID = {"a": "one", "b": "two", "c": "three"}
PLACES = {"a": (0.0, 0.5), "b": (0.5, 0.25), "c": (1.25, 0.75)}  # seconds in the recording


@pytest.fixture
def recording() -> np.ndarray:
    """Two seconds of two channels."""
    return np.random.default_rng(0).uniform(-0.5, 0.5, (2 * RATE, 2)).astype(np.float32)


@pytest.fixture
def folder(tmp_path: Path, recording: np.ndarray) -> Path:
    (tmp_path / "train").mkdir()
    soundfile.write(tmp_path / "train" / "long.flac", recording, RATE)
    return tmp_path


def nemo(folder: Path) -> None:
    rows = [
        {"audio_filepath": "long.flac", "text": SAID[one], "offset": start, "duration": seconds}
        for one, (start, seconds) in PLACES.items()
    ]
    lines = "\n".join(map(json.dumps, rows)).encode()
    (folder / "train" / "manifest.jsonl.gz").write_bytes(gzip.compress(lines))


def cut(name: str, start: float, seconds: float, **more: Any) -> dict[str, Any]:
    source = {"type": "file", "channels": [0, 1], "source": "long.flac"}
    recording = {"id": "long", "sources": [source], "sampling_rate": RATE, "duration": 2.0}
    words = {"id": name, "start": 0.0, "duration": seconds, "text": SAID[name]}
    return {
        **{"id": name, "start": start, "duration": seconds, "type": "MonoCut", "channel": 1},
        **{"recording": recording, "supervisions": [words], **more},
    }


def lhotse(folder: Path) -> None:
    lines = "\n".join(json.dumps(cut(name, *PLACES[name])) for name in SAID)
    (folder / "train" / "cuts.jsonl.gz").write_bytes(gzip.compress(lines.encode()))


def kaldi(folder: Path) -> None:
    train = folder / "train"
    (train / "wav.scp").write_text("long long.flac\n")
    (train / "text").write_text("".join(f"{name} {words}\n" for name, words in SAID.items()))
    ends = {name: (start, start + seconds) for name, (start, seconds) in PLACES.items()}
    lines = [f"{name} long {start} {end}\n" for name, (start, end) in ends.items()]
    (train / "segments").write_text("".join(lines[:-1]) + f"c long {PLACES['c'][0]} -1\n")
    (train / "spk2gender").write_text("a f\n")


def train(folder: Path, make_recipe: Any, **data: Any) -> Rows:
    return open_source(make_recipe("ctc", source="files", folder=str(folder), **data)).train


@pytest.mark.parametrize("write", [nemo, lhotse, kaldi])
def test_a_clip_is_its_part_of_a_longer_file_and_nothing_else_is_decoded(
    write: Any,
    folder: Path,
    recording: np.ndarray,
    make_recipe: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write(folder)
    rows = train(folder, make_recipe)
    monkeypatch.setattr(audio, "_other_length", None)  # asked of whole files only
    found = [rows[index] for index in range(2)]
    monkeypatch.undo()
    found.append(rows[2])
    heard = recording[:, 1] if write is lhotse else recording.mean(axis=1)
    for row, (name, (start, seconds)) in zip(found, PLACES.items(), strict=True):
        part = heard[int(start * RATE) : int((start + seconds) * RATE)]
        assert (row["transcript"], row["sampling_rate"]) == (SAID[name], RATE)
        assert row["audio"] == pytest.approx(part, abs=1e-4)
    assert rows.lengths() == pytest.approx([seconds for _, seconds in PLACES.values()])


def test_durations_of_a_manifest_are_believed_without_opening_a_file(
    folder: Path, make_recipe: Any
) -> None:
    nemo(folder)
    rows = train(folder, make_recipe)
    (folder / "train" / "long.flac").unlink()
    assert rows.lengths() == pytest.approx([0.5, 0.25, 0.75])
    assert "No such file" in rows_of(rows)[0]


def test_columns_may_name_those_of_a_manifest(folder: Path, make_recipe: Any) -> None:
    nemo(folder)
    rows = train(folder, make_recipe, columns={"audio": "audio_filepath", "transcript": "text"})
    assert [len(row["audio"]) for row in rows_of(rows)] == [4000, 2000, 6000]


def test_parts_that_are_none_are_corrupt_rows(folder: Path, make_recipe: Any) -> None:
    odd = [{"offset": -1}, {"duration": 0}, {"offset": "soon"}, {"offset": 5}, {"duration": 9}]
    rows = [{"audio_filepath": "long.flac", "text": "a", **one} for one in [*odd, {}]]
    (folder / "train" / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    found = rows_of(train(folder, make_recipe, max_corrupt=9))
    told = ("no part of a clip", "no part", "no number", "ends after 2.00 s", "truncated: 16000")
    for row, why in zip(found[:-1], told, strict=True):
        assert why in row


def test_cuts_and_recordings_that_are_no_file_are_corrupt_rows(
    folder: Path, make_recipe: Any
) -> None:
    command = {"sources": [{"type": "command", "channels": [0], "source": "rm x"}]}
    rows = [
        cut("a", 0, 1, recording=command),
        cut("a", 0, 1, recording=None),
        {"id": "m", "type": "MixedCut", "tracks": []},
        cut("a", 0, 1),
    ]
    (folder / "train" / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    found = rows_of(train(folder, make_recipe, max_corrupt=9))
    assert "a recording from a command; only files are read" in found[0]
    assert "without the sources of its recording" in found[1]
    assert "a cut of several tracks" in found[2]
    assert found[3]["transcript"] == "one"


def test_commands_and_archives_of_kaldi_are_corrupt_rows_and_never_run(
    folder: Path, make_recipe: Any
) -> None:
    here = folder / "train"
    lines = f"a touch {folder}/ran; cat long.flac |\nb raw.ark:12\nc long.flac\nd long.flac\n"
    (here / "wav.scp").write_text(lines)
    (here / "text").write_text("a x\nb x\nc three words here\n")
    found = rows_of(train(folder, make_recipe, max_corrupt=9))
    assert "command or an archive" in found[0] and "command or an archive" in found[1]
    assert found[2]["transcript"] == "three words here" and len(found[2]["audio"]) == 2 * RATE
    assert "no transcript" in found[3]
    assert not (folder / "ran").exists()


def test_kaldi_is_read_anew_when_a_file_beside_it_changes(folder: Path, make_recipe: Any) -> None:
    kaldi(folder)
    before = train(folder, make_recipe)
    (folder / "train" / "text").write_text("a other\nb two\nc three\n")
    assert train(folder, make_recipe)[0]["transcript"] == "other"
    assert train(folder, make_recipe).fingerprint != before.fingerprint


def test_a_second_start_opens_no_clip_to_know_its_length(
    folder: Path, make_recipe: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"file_name": "long.flac", "transcript": "a"}, {"file_name": "no", "transcript": "b"}]
    (folder / "train" / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    first = train(folder, make_recipe).lengths()
    assert first is not None and first[0] == 2 and np.isnan(first[1])
    again = train(folder, make_recipe)
    monkeypatch.setattr(audio, "_opened", None)
    assert np.array_equal(again.lengths(), first, equal_nan=True)


def test_a_damaged_list_is_a_fault_that_names_it(folder: Path, make_recipe: Any) -> None:
    nemo(folder)
    packed = folder / "train" / "manifest.jsonl.gz"
    packed.write_bytes(packed.read_bytes()[:-30])
    recipe = make_recipe("ctc", source="files", folder=str(folder))
    assert "manifest.jsonl.gz (Truncated compressed stream)" in said(open_source, recipe)


ODD = (
    None,
    [],
    {},
    [[]],
    [{}],
    "x",
    "\0",
    "",
    -1,
    0,
    True,
    7,
    10**400,
    1e300,
    "1e999",
    {"path": 1},
)


def mutated(value: Any) -> Iterator[Any]:
    """A value with each part of it replaced by each odd one, or left out."""
    yield from ODD
    if isinstance(value, dict):
        for key in value:
            yield {name: one for name, one in value.items() if name != key}
            yield from ({**value, key: other} for other in mutated(value[key]))
    elif isinstance(value, list):
        for place, one in enumerate(value):
            yield from ([*value[:place], o, *value[place + 1 :]] for o in mutated(one))


@pytest.mark.parametrize("kind", ["nemo", "lhotse"])
def test_a_line_of_any_values_is_a_corrupt_row_or_a_clip(
    kind: str, folder: Path, make_recipe: Any
) -> None:
    short = {"audio_filepath": "long.flac", "text": "a", "offset": 0, "duration": 1}
    good = short if kind == "nemo" else cut("a", 0, 1)
    lines = [good, *mutated(good)]
    (folder / "train" / "a.jsonl").write_text("\n".join(map(json.dumps, lines)))
    rows = train(folder, make_recipe, max_corrupt=0.9999)
    found = rows_of(rows)
    rows.lengths()
    assert len(found) == len(lines) and found[0]["sampling_rate"] == RATE
    assert any(isinstance(one, str) for one in found)


def test_lines_of_kaldi_of_any_words_are_corrupt_rows_or_clips(
    folder: Path, make_recipe: Any
) -> None:
    kaldi(folder)
    words = ("", "long", "long 1", "x 0 1", "long a b", "long nan 1", "long 1e999 2", "long 1 0")
    lines = [f"u{number} {line}\n" for number, line in enumerate((*words, "long 0 1"))]
    (folder / "train" / "segments").write_text("".join(lines))
    (folder / "train" / "text").write_bytes(b"u8 right\nu1 \xff\xfe\n u2\n")
    found = rows_of(train(folder, make_recipe, max_corrupt=0.9999))
    assert [isinstance(one, str) for one in found] == [True] * 8 + [False]
