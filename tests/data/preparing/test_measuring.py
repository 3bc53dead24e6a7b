"""What is measured of many rows is the same whoever measures, and as it would be of one alone."""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow
import pytest
import soundfile
import torch

from zoo.data.loading.sizes import counted
from zoo.data.preparing import classes, measuring
from zoo.data.preparing.classes import class_counts
from zoo.data.preparing.crew import Crew, prepared_by
from zoo.data.preparing.measuring import measured
from zoo.data.preparing.pool import worked
from zoo.data.preparing.telling import told
from zoo.data.reading import lengths
from zoo.data.rows import ListRows, digest
from zoo.data.sources.listing import stats
from zoo.data.sources.listing.paths import Paths
from zoo.data.sources.listing.stats import files_digest

ALONE, TWO = Crew(1), Crew(2)


def clip_of(index: int) -> bytes:
    """A clip of a length of its own, and a broken one now and then."""
    file = io.BytesIO()
    soundfile.write(file, np.zeros(100 + index), 8000, format="WAV")
    return file.getvalue() if index % 7 else b"no sound"


@dataclass(frozen=True)
class Squares:
    """A measure that fails at a place, if it is given one."""

    fails: int = -1

    def __call__(self, start: int, stop: int) -> list[int]:
        if start <= self.fails < stop:
            raise FileNotFoundError(str(self.fails))
        return [place**2 for place in range(start, stop)]


def test_blocks_come_in_their_order_and_what_fails_is_raised() -> None:
    for crew in (ALONE, TWO):
        with prepared_by(crew):
            found = measured("squaring", Squares(), 100, 8)
            assert [one for block in found for one in block] == [n**2 for n in range(100)]
            with pytest.raises(FileNotFoundError, match="50"):
                measured("squaring", Squares(50), 100, 8)


def test_headers_classes_and_files_are_read_by_several_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lengths, "_CLIPS", 4)
    monkeypatch.setattr(classes, "_ROWS", 4)
    monkeypatch.setattr(stats, "_FILES", 4)
    asked: list[int] = []
    monkeypatch.setattr(measuring, "worked", lambda *how: asked.append(1) or worked(*how))
    column = pyarrow.chunked_array([pyarrow.array(["x"] * 40)])
    rows = ListRows([{"text": "x", "label": n % 3} for n in range(40)], "rows")
    for n in range(40):
        (tmp_path / f"{n}").write_text("x" * n, "utf-8")
    names = Paths.of(str(tmp_path), map(str, range(40)))

    def all_of(crew: Crew, root: Path) -> tuple[bytes, bytes, str]:
        with prepared_by(crew):
            seconds = lengths.seconds(column, clip_of)
            return seconds.tobytes(), class_counts(rows, 3, root).tobytes(), files_digest(names)

    alone = all_of(ALONE, tmp_path / "a")
    assert not asked
    assert all_of(TWO, tmp_path / "b") == alone
    assert len(asked) == 3
    seconds = np.frombuffer(alone[0], np.float32)
    assert np.isnan(seconds[::7]).all()
    assert seconds[5] == np.float32(105 / 8000)
    assert np.frombuffer(alone[1], np.int64).tolist() == [14, 13, 13]
    stat = [(path, path.stat()) for path in names]
    plain = [(str(path), one.st_size, one.st_mtime_ns) for path, one in stat]
    assert alone[2] == digest(plain)


def test_forked_processes_count_what_one_counts() -> None:
    def twice(places: range) -> torch.Tensor:
        return torch.tensor([[place, 2 * place] for place in places for _ in range(place % 2)])

    with prepared_by(TWO):
        found = counted("counting", twice, 16 * 512 + 5)
    assert found.tolist() == [[n, 2 * n] for n in range(16 * 512 + 5) if n % 2]


def test_lines_say_the_rate_in_the_unit_and_the_time_that_is_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [0.0]
    monkeypatch.setattr("zoo.data.preparing.telling.time.monotonic", lambda: now[0])
    with told("reading", 1000, 0, "rows") as tell:
        now[0] = 10.0
        tell(250)
    assert capsys.readouterr().err == "reading: 25%, 25 rows/s, 30 s left\n"
