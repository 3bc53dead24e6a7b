"""Small files in the layouts of the real data sets, opened as a recipe names them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.small_data import DIGITS, QUESTIONS, SENTENCES, VERSES
from zoo.data.source import Source, open_source

SPLITS = {"source": "files", "train": "train", "valid": "validation", "test": "test"}


def counts(source: Source) -> list[int]:
    return [len(source.train), len(source.valid["valid"]), len(source.test["test"])]


def test_wav_clips_open_with_their_seconds_and_transcripts(
    small_data: Path, make_recipe: Any
) -> None:
    columns = {"transcript": "transcription", "audio": "file_name"}
    recipe = make_recipe("ctc", folder=str(small_data / "asr_fsdd"), columns=columns, **SPLITS)
    source = open_source(recipe)
    assert counts(source) == [9, 3, 6]
    rows = [source.train[index] for index in range(9)]
    assert [row["transcript"] for row in rows] == [text for text in DIGITS for _ in range(3)]
    assert {row["sampling_rate"] for row in rows} == {8000}
    lengths = source.train.lengths()
    assert lengths is not None
    assert lengths.tolist() == pytest.approx([0.2, 0.25, 0.3] * 3)
    assert lengths.tolist() == pytest.approx([len(row["audio"]) / 8000 for row in rows])


def test_flac_clips_keep_their_own_rate(small_data: Path, make_recipe: Any) -> None:
    columns = {"transcript": "transcription"}
    folder = str(small_data / "asr_ljspeech32")
    source = open_source(make_recipe("ctc", folder=folder, columns=columns, **SPLITS))
    row = source.valid["valid"][2]
    assert (row["transcript"], row["sampling_rate"]) == (SENTENCES[2], 22050)
    assert (row["audio"].dtype, row["audio"].shape) == (np.float32, (4410,))
    assert row["audio"].std() == pytest.approx(0.1, rel=0.05)


def test_questions_open_with_their_numbers_as_classes(small_data: Path, make_recipe: Any) -> None:
    folder = str(small_data / "cls_banking77")
    source = open_source(make_recipe("sequence-classification", folder=folder, **SPLITS))
    assert counts(source) == [6, 2, 4]
    assert source.labels == ("0", "1")
    assert source.train[1] == {"text": "where is my card 1?", "label": 0}
    assert source.train[3] == {"text": "which machines take it 0?", "label": 1}


def test_questions_may_be_labelled_by_name(small_data: Path, make_recipe: Any) -> None:
    folder, columns = str(small_data / "cls_banking77"), {"label": "label_text"}
    recipe = make_recipe("sequence-classification", folder=folder, columns=columns, **SPLITS)
    source = open_source(recipe)
    assert source.labels == tuple(sorted(QUESTIONS)) != tuple(QUESTIONS)
    assert source.train[0] == {"text": "where is my card 0?", "label": 1}


def test_photographs_open_with_a_class_a_folder(small_data: Path, make_recipe: Any) -> None:
    folder = small_data / "img_signdigits"
    source = open_source(make_recipe("image-classification", folder=str(folder), **SPLITS))
    assert counts(source) == [9, 3, 6]
    assert source.labels == ("0", "1", "2")
    row = source.test["test"][5]
    assert (row["image"].size, row["image"].mode, row["label"]) == ((100, 100), "RGB", 2)
    with Image.open(folder / "test" / "2" / "IMG_1.JPG") as file:
        assert np.array_equal(np.asarray(row["image"]), np.asarray(file))


def test_verses_open_as_one_document_a_split(small_data: Path, make_recipe: Any) -> None:
    folder = str(small_data / "lm_tinyshakespeare")
    source = open_source(make_recipe("causal-lm", folder=folder, **SPLITS))
    assert counts(source) == [1, 1, 1]
    assert source.train[0] == {"text": VERSES["train"] * 400}
    assert source.test["test"][0] == {"text": VERSES["test"] * 400}
