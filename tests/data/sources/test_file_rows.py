"""Images and clips in files: folders of classes, and metadata beside them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pytest
import soundfile
from PIL import Image

from zoo.data.audio import decode_audio
from zoo.data.image import decode_image
from zoo.data.rows import CorruptExample, Rows
from zoo.data.source import open_source


def listed(rows: Rows) -> list[dict[str, Any]]:
    return [rows[index] for index in range(len(rows))]


def image(path: Path, level: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((6, 4), level, dtype=np.uint8)).save(path)


def test_class_folders_are_labelled_by_name(tmp_path: Path, make_recipe: Any) -> None:
    for split in ("train", "valid"):
        for level, name in enumerate(("dog", "cat")):
            image(tmp_path / split / name / "0.png", 50 * level)
    (tmp_path / "train" / "README.md").write_text("about")
    files = {"source": "files", "folder": str(tmp_path), "valid": "valid"}
    source = open_source(make_recipe("image-classification", **files))
    assert source.labels == ("cat", "dog")
    rows = listed(source.train)
    assert [row["label"] for row in rows] == [0, 1]
    assert [row["image"].getpixel((0, 0)) for row in rows] == [(50,) * 3, (0,) * 3]
    assert rows[0]["image"].mode == "RGB"
    assert len(source.valid["valid"]) == 2


@pytest.mark.parametrize("whole", ["*", "."])
def test_class_folders_without_split_folders_are_cut_by_a_share(
    whole: str, tmp_path: Path, make_recipe: Any
) -> None:
    for number in range(20):
        image(tmp_path / str(number % 2) / f"{number}.png", number)
    files = {"source": "files", "folder": str(tmp_path), "train": whole, "valid": 0.2}
    source = open_source(make_recipe("image-classification", **files))
    assert (len(source.train), len(source.valid["valid"])) == (16, 4)
    assert source.labels == ("0", "1")


def clips(folder: Path, name: str = "metadata.jsonl") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for number in range(3):
        samples = np.full((800 * (number + 1), 2), (0.1, 0.3))
        soundfile.write(folder / f"{number}.flac", samples, 8000)
        lines.append(json.dumps({"file_name": f"{number}.flac", "said": "abc"[number]}))
    (folder / name).write_text("\n".join(lines))


@pytest.mark.parametrize("columns", [{}, {"audio": "file_name"}])
def test_metadata_beside_audio_gives_clips_and_their_seconds(
    columns: dict[str, str], tmp_path: Path, make_recipe: Any
) -> None:
    clips(tmp_path / "train" / "one")
    clips(tmp_path / "train" / "two")
    words = {"columns": {"transcript": "said", **columns}}
    source = open_source(make_recipe("ctc", source="files", folder=str(tmp_path), **words))
    assert source.train.roles == {"audio", "transcript"}
    row = source.train[4]
    assert (row["transcript"], row["sampling_rate"]) == ("b", 8000)
    assert row["audio"].dtype == np.float32
    assert row["audio"].shape == (1600,)
    assert row["audio"] == pytest.approx(0.2, abs=1e-3)
    assert source.train.lengths() == pytest.approx([0.1, 0.2, 0.3] * 2)


def test_a_clip_that_cannot_be_read_has_no_length_and_is_corrupt(
    tmp_path: Path, make_recipe: Any
) -> None:
    clips(tmp_path / "train")
    (tmp_path / "train" / "1.flac").write_bytes(b"no sound")
    (tmp_path / "train" / "2.flac").unlink()
    columns = {"transcript": "said"}
    rows = open_source(
        make_recipe("ctc", source="files", folder=str(tmp_path), columns=columns)
    ).train
    assert np.isnan(rows.lengths()).tolist() == [False, True, True]
    for index in (1, 2):
        with pytest.raises(CorruptExample, match=rf"{index}\.flac"):
            rows[index]


def test_metadata_beside_images_gives_images(tmp_path: Path, make_recipe: Any) -> None:
    image(tmp_path / "train" / "a.png", 7)
    (tmp_path / "train" / "metadata.jsonl").write_text('{"file_name": "a.png", "label": 0}')
    source = open_source(
        make_recipe("image-classification", source="files", folder=str(tmp_path), labels=["x", "y"])
    )
    assert source.train.roles == {"image", "label"}
    assert source.train[0]["image"].getpixel((1, 1)) == (7, 7, 7)


@pytest.mark.parametrize("suffix", ["gz", "zst", "bz2"])
def test_a_text_may_be_packed(suffix: str, tmp_path: Path, make_recipe: Any) -> None:
    packing = {"gz": "gzip", "zst": "zstd", "bz2": "bz2"}[suffix]
    with pyarrow.CompressedOutputStream(str(tmp_path / f"a.txt.{suffix}"), packing) as file:
        file.write("\ufeffé text\r\nwithout an end".encode())
    (tmp_path / f"b.txt.{suffix}").write_bytes(b"not packed")
    files = {"source": "files", "folder": str(tmp_path), "train": "."}
    rows = open_source(make_recipe("causal-lm", **files)).train
    assert rows[0] == {"text": "é text\r\nwithout an end"}
    with pytest.raises(CorruptExample, match=r"b\.txt"):
        rows[1]


def test_text_in_two_bytes_a_letter_is_no_text(tmp_path: Path, make_recipe: Any) -> None:
    (tmp_path / "a.txt").write_text("hello there", encoding="utf-16-le")
    (tmp_path / "b.txt").write_text("a NUL\0 alone is a character")
    files = {"source": "files", "folder": str(tmp_path), "train": "."}
    rows = open_source(make_recipe("causal-lm", **files)).train
    with pytest.raises(CorruptExample, match="NUL in place of letters; save it as UTF-8"):
        rows[0]
    assert rows[1]["text"].startswith("a NUL\0")


def test_links_in_a_circle_end_and_those_that_lead_nowhere_are_corrupt_rows(
    tmp_path: Path, make_recipe: Any
) -> None:
    for name in "ab":
        image(tmp_path / name / "0.png", 9)
        (tmp_path / name / ".DS_Store").write_bytes(b"\0")
        (tmp_path / name / "Thumbs.db").write_bytes(b"\0")
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    (tmp_path / "b" / "1.png").symlink_to(tmp_path / "gone.png")
    (tmp_path / "b" / "2.png").symlink_to("2.png")
    files = {"source": "files", "folder": str(tmp_path), "train": "."}
    rows = open_source(make_recipe("image-classification", **files)).train
    assert [rows.value(index, "label") for index in range(len(rows))] == [0, 1, 1, 1]
    for index in (2, 3):
        with pytest.raises(CorruptExample, match=rf"{index - 1}\.png"):
            rows[index]


def test_what_is_said_of_a_file_is_the_same_in_every_process(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    (tmp_path / "a.wav").write_bytes(b"no sound")
    with pytest.raises(CorruptExample, match=r"a\.png \(cannot identify image file\)$"):
        decode_image(tmp_path / "a.png")
    with pytest.raises(CorruptExample, match=r"a\.wav \(Format not recognised\.\)$"):
        decode_audio(tmp_path / "a.wav")
