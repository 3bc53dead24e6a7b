"""Rows with what the starting model told of them: as soon as it was told, by all it hangs on."""

import os
from pathlib import Path

import numpy as np
import pytest

from zoo.data.rows import ListRows
from zoo.models.adapters.place import OnBase
from zoo.models.fill import NoWeights
from zoo.training.feeding.reference import Referred, content_of
from zoo.training.reader import Reader
from zoo.training.starting import Fitting


@pytest.fixture
def rows(tmp_path: Path) -> Referred:
    return Referred(ListRows([{"prompt": one} for one in "abc"], "abc"), tmp_path / "reference-1")


def test_rows_hold_what_was_told_of_them_from_then_on(rows: Referred) -> None:
    assert not rows.known and rows[1] == {"prompt": "b"}
    rows.keep(np.arange(6, dtype=np.float32).reshape(3, 2))
    other = Referred(rows.rows, rows.folder)  # as another process has it, forked before
    assert rows.known and other.known
    assert rows[1]["reference"].tolist() == other[1]["reference"].tolist() == [2.0, 3.0]
    assert rows.fingerprint == rows.rows.fingerprint


def test_what_is_kept_is_never_written_over(rows: Referred) -> None:
    rows.keep(np.zeros((3, 2), np.float32))
    rows.keep(np.ones((3, 2), np.float32))
    assert rows[0]["reference"].tolist() == [0.0, 0.0]


def test_weights_are_told_apart_by_the_files_that_they_lie_in(tmp_path: Path) -> None:
    (tmp_path / "progress.json").write_text("{}")
    base = Fitting(Reader(tmp_path), frozenset())
    first = content_of(base)
    assert first and content_of(OnBase(NoWeights(), base)) == first
    os.utime(tmp_path / "progress.json", ns=(1, 1))
    assert content_of(base) != first and content_of(NoWeights()) == []
