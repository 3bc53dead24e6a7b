"""Real data sets, opened as a recipe names them."""

from pathlib import Path
from typing import Any

import pytest

from zoo.data.source import open_source

pytestmark = pytest.mark.shared_data
SPLITS = {"source": "files", "train": "train", "valid": "validation", "test": "test"}


def test_spoken_digits_open_with_clips_and_transcripts(shared_data: Path, make_recipe: Any) -> None:
    columns = {"transcript": "transcription", "audio": "file_name"}
    recipe = make_recipe("ctc", folder=str(shared_data / "asr_fsdd"), columns=columns, **SPLITS)
    source = open_source(recipe)
    counts = [len(source.train), len(source.valid["valid"]), len(source.test["test"])]
    assert counts == [1200, 300, 300]
    row = source.train[0]
    assert (row["transcript"], row["sampling_rate"]) == ("zero", 8000)
    lengths = source.train.lengths()
    assert lengths is not None
    assert lengths[0] == pytest.approx(len(row["audio"]) / 8000)
    assert 0.1 < lengths.min() < lengths.max() < 2.4


def test_sentences_open_from_flac(shared_data: Path, make_recipe: Any) -> None:
    columns = {"transcript": "transcription"}
    folder = str(shared_data / "asr_ljspeech32")
    source = open_source(make_recipe("ctc", folder=folder, columns=columns, **SPLITS))
    assert len(source.train) == 24
    assert source.train[0]["sampling_rate"] == 22050


def test_bank_questions_open_with_77_classes(shared_data: Path, make_recipe: Any) -> None:
    folder = str(shared_data / "cls_banking77")
    source = open_source(make_recipe("sequence-classification", folder=folder, **SPLITS))
    counts = [len(source.train), len(source.valid["valid"]), len(source.test["test"])]
    assert counts == [9000, 1003, 3080]
    assert source.labels == tuple(str(number) for number in range(77))
    assert source.train[0] == {"text": "I am still waiting on my card?", "label": 0}


def test_bank_questions_may_be_labelled_by_name(shared_data: Path, make_recipe: Any) -> None:
    folder, columns = str(shared_data / "cls_banking77"), {"label": "label_text"}
    recipe = make_recipe("sequence-classification", folder=folder, columns=columns, **SPLITS)
    source = open_source(recipe)
    assert source.labels is not None
    assert len(source.labels) == 77
    assert source.labels[source.train[0]["label"]] == "card_arrival"
    assert list(source.labels) == sorted(source.labels)


def test_hand_signs_open_with_ten_classes(shared_data: Path, make_recipe: Any) -> None:
    folder = str(shared_data / "img_signdigits")
    source = open_source(make_recipe("image-classification", folder=folder, **SPLITS))
    counts = [len(source.train), len(source.valid["valid"]), len(source.test["test"])]
    assert counts == [800, 120, 120]
    assert source.labels == tuple("0123456789")
    row = source.test["test"][119]
    assert (row["image"].size, row["image"].mode, row["label"]) == ((100, 100), "RGB", 9)


def test_shakespeare_opens_as_one_document_a_split(shared_data: Path, make_recipe: Any) -> None:
    folder = str(shared_data / "lm_tinyshakespeare")
    source = open_source(make_recipe("causal-lm", folder=folder, **SPLITS))
    documents = [source.train, source.valid["valid"], source.test["test"]]
    assert [len(rows) for rows in documents] == [1, 1, 1]
    assert sum(len(rows[0]["text"]) for rows in documents) == 1_115_394
