"""A run knows what it learns from: rows by what they hold, labels and tokenizer by digests."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from zoo.data.rows import ListRows
from zoo.data.sources import file_rows
from zoo.data.sources.file_rows import TextFiles
from zoo.errors import ResumeError
from zoo.training.disk import learned as module
from zoo.training.disk.learned import differences, equal_everywhere, learned, refuse_others


class Labelled:
    """The part of a task that tells digests."""

    def __init__(self, **digests: str) -> None:
        self.own = digests

    def digests(self) -> dict[str, str]:
        return self.own


def texts(*texts: str, files: str = "a") -> ListRows:
    """Rows of text from files with a fingerprint."""
    return ListRows([{"text": text} for text in texts], files)


def digests(rows: Any, **own: str) -> dict[str, Any]:
    """What a run of these rows knows."""
    return learned(rows, Labelled(**{"labels": "x" * 32, "tokenizer": "y" * 32} | own))  # type: ignore[arg-type]


def test_files_that_were_copied_or_touched_are_the_same_data() -> None:
    one, other = digests(texts("a", "b")), digests(texts("a", "b", files="copied"))
    assert differences(one, other) == []
    assert equal_everywhere(one) == equal_everywhere(other)
    assert one["rows"]["fingerprint"] != other["rows"]["fingerprint"]


@pytest.mark.parametrize(
    ("rows", "own", "said"),
    [
        (texts("a", files="b"), {}, "train rows: the run has 2, now 1"),
        (texts("a", "c", files="b"), {}, "train rows: the run has 2, now 2 with other content"),
        (texts("b", "a", files="b"), {}, "train rows: the run has 2, now 2 with other content"),
        (texts("a", "b"), {"labels": "z" * 32}, f"labels: the run has digest {'x' * 12}, now zzz"),
        (texts("a", "b"), {"tokenizer": "z" * 32}, "tokenizer: the run has digest yyy"),
    ],
    ids=["fewer", "another row", "another order", "labels", "tokenizer"],
)
def test_what_changed_is_said_and_refused(rows: Any, own: dict[str, str], said: str) -> None:
    old, new = digests(texts("a", "b")), digests(rows, **own)
    assert len(differences(old, new)) == 1
    with pytest.raises(ResumeError, match=rf"(?s)run was trained .*--accept-data.*\n{said}"):
        refuse_others("run", old, new)
    refuse_others("run", {}, new)  # a checkpoint of an older version does not tell


def test_of_a_text_larger_than_memory_a_part_and_its_size_tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PIECES", 2)
    monkeypatch.setattr(file_rows, "PIECE", 8)

    def of(text: str) -> dict[str, Any]:
        path = tmp_path / f"{text}.txt"
        path.write_text(text)
        monkeypatch.setattr(TextFiles, "__getitem__", None)  # never whole
        return digests(TextFiles([path]))

    read = "0123456789abcdef" * 2  # a piece is as many letters, and as many to the end of a line
    assert differences(of(f"{read}X"), of(f"{read}Y")) == []
    assert differences(of(f"{read}X"), of(f"{read}XX")) != []
    assert differences(of(f"{read}X"), of(f"{read.replace('f', 'g')}X")) != []


def test_images_and_clips_are_told_apart_by_what_they_show() -> None:
    def seen(gray: int, sound: float) -> dict[str, Any]:
        row = {"image": Image.new("RGB", (4, 4), (gray,) * 3), "audio": np.full(8, sound)}
        return digests(ListRows([row], str((gray, sound))))

    assert differences(seen(1, 0.5), seen(1, 0.5)) == []
    assert differences(seen(1, 0.5), seen(2, 0.5)) != []
    assert differences(seen(1, 0.5), seen(1, 0.25)) != []


def test_of_an_adapter_the_base_is_named_as_what_changed() -> None:
    row = {"count": 1, "fingerprint": "a", "sample": "b"}
    old, new = ({"rows": row, "base": one * 32, "labels": one} for one in "xy")
    both = r"(?s)other data and weights of its base .--accept-data --accept-base.*labels: .*base: "
    with pytest.raises(ResumeError, match=both):
        refuse_others("run", old, new)
    with pytest.raises(ResumeError, match=r"other weights of its base .--accept-base .*\nbase: "):
        refuse_others("run", old, new, any_data=True)
    with pytest.raises(ResumeError, match=r"other data .--accept-data goes .*\nlabels: "):
        refuse_others("run", old, new, any_base=True)
    refuse_others("run", old, new, any_data=True, any_base=True)
