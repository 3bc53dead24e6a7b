"""The built-in data: deterministic, offline, honest splits."""

import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zoo.data.builtin.digits import DigitRows
from zoo.data.builtin.keywords import KEYWORDS
from zoo.data.builtin.morse import RATE, MorseRows, envelope, marks
from zoo.data.builtin.text import library_files, split_of
from zoo.data.rows import Rows
from zoo.data.source import Source, open_source
from zoo.errors import ConfigError


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def sources() -> dict[tuple[str, str], Source]:
    """What this module has opened without changes: morse alone makes 200,000 texts."""
    return {}


@pytest.fixture
def built_in(
    make_recipe: Any,
    cache: Path,
    sources: dict[tuple[str, str], Source],
    monkeypatch: pytest.MonkeyPatch,
) -> Any:
    """built_in(task kind, name, **data section): a source; one without changes is opened once."""

    def refuse(*_: object) -> None:
        raise AssertionError("built-in data asked the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)

    def opened(kind: str, name: str, **data: Any) -> Source:
        recipe = make_recipe(kind, source="built-in", name=name, **{"cache": str(cache), **data})
        if data:
            return open_source(recipe)
        if (kind, name) not in sources:
            sources[kind, name] = open_source(recipe)
        return sources[kind, name]

    return opened


def splits(source: Source) -> dict[str, Rows]:
    return {"train": source.train, **source.valid, **source.test}


def test_library_text_is_some_megabytes_and_no_file_is_in_two_splits(built_in: Any) -> None:
    found = splits(built_in("causal-lm", "stdlib-text"))
    texts = [found[split] for split in ("train", "valid", "test")]
    sizes = [rows.lengths().sum() for rows in texts]
    assert sum(sizes) > 4e6
    assert sizes[0] > 0.8 * sum(sizes)
    assert min(sizes) > 50_000
    paths = [path for rows in texts for path in rows.paths]
    assert len(paths) == len(set(paths)) == len(library_files())
    assert "def " in texts[0][1]["text"] + texts[0][2]["text"] + texts[0][3]["text"]


def test_library_text_leaves_tests_and_installed_packages_out() -> None:
    folders = {part for path in library_files() for part in path.split("/")[:-1]}
    assert not folders & {"test", "tests", "site-packages", "idlelib", "encodings"}
    assert list(library_files()) == sorted(library_files())


def test_a_file_stays_in_its_split_whatever_other_files_there_are() -> None:
    shares = {"train": 0.8, "validation": 0.1, "test": 0.1}
    places = [split_of(f"{number}.py", shares) for number in range(5000)]
    assert {split: places.count(split) / 5000 for split in shares} == pytest.approx(
        shares, abs=0.02
    )


def test_keywords_are_sixteen_classes_of_lines_that_share_nothing(built_in: Any) -> None:
    source = built_in("sequence-classification", "stdlib-keywords")
    assert source.labels == KEYWORDS
    assert len(KEYWORDS) == 16
    seen: set[tuple[str, int]] = set()
    for split, rows in splits(source).items():
        most = 1500 if split == "train" else 150
        lines = [(rows[i]["text"], rows[i]["label"]) for i in range(len(rows))]
        assert 1000 < len(lines) <= 16 * most
        assert max(np.bincount([label for _, label in lines])) <= most
        assert {label for _, label in lines} == set(range(16))
        assert all(6 <= len(text) <= 70 for text, _ in lines)
        assert not seen & set(lines)
        seen |= set(lines)


def test_digits_are_1797_images_cut_in_three(built_in: Any) -> None:
    source = built_in("image-classification", "digits")
    assert {name: len(rows) for name, rows in splits(source).items()} == {
        "train": 1257,
        "valid": 180,
        "test": 360,
    }
    assert source.labels == tuple("0123456789")
    row = source.train[0]
    assert (row["image"].mode, row["image"].size) == ("RGB", (8, 8))
    assert np.asarray(row["image"]).max() > 200
    images = [DigitRows(split).pixels for split in ("train", "validation", "test")]
    assert sum(map(len, images)) == 1797


def test_a_morse_clip_depends_on_its_index_alone(
    built_in: Any, sources: dict[tuple[str, str], Source]
) -> None:
    first = built_in("ctc", "morse").train
    del sources["ctc", "morse"]
    second = built_in("ctc", "morse").train
    assert second is not first
    assert len(first) == 200_000
    row = first[123_456]
    first[5]
    again = second[123_456]
    assert row["transcript"] == again["transcript"]
    assert np.array_equal(row["audio"], again["audio"])
    assert row["audio"].dtype == np.float32
    assert row["sampling_rate"] == 8000
    assert np.abs(row["audio"]).max() > 0.01
    assert not np.array_equal(first[1]["audio"], first[2]["audio"])


def test_words_of_validation_and_test_are_never_keyed_in_training(built_in: Any) -> None:
    source = built_in("ctc", "morse")
    train = set(source.train.texts)
    valid, test = (set(rows.texts) for rows in (source.valid["valid"], source.test["test"]))
    assert len(valid) == len(test) == 200
    assert not train & valid
    assert not train & test
    assert not valid & test
    assert all(2 <= len(word) <= 5 for word in valid | test)


def test_most_of_the_training_clips_are_random_letters(built_in: Any) -> None:
    texts = built_in("ctc", "morse").train.texts
    assert sum(len(text) <= 3 for text in texts) / len(texts) == pytest.approx(0.75, abs=0.06)
    assert max(map(len, texts)) == 5


def test_the_length_of_a_morse_clip_is_known_without_keying_it(built_in: Any) -> None:
    rows = built_in("ctc", "morse").valid["valid"]
    lengths = rows.lengths()
    for index in range(0, 200, 20):
        assert lengths[index] == pytest.approx(len(rows[index]["audio"]) / RATE, abs=0.001)


def test_morse_is_keyed_as_the_standard_says() -> None:
    assert marks("an") == [(0, 1), (2, 3), (8, 3), (12, 1)]  # .- -.
    keyed = envelope("an", 0.04, np.array([0.1, 0.2]))
    on = keyed > 0.5
    edges = np.flatnonzero(np.diff(on.astype(int))) / RATE
    wanted = 0.1 + 0.04 * np.array([0, 1, 2, 5, 8, 11, 12, 13])
    assert edges == pytest.approx(wanted, abs=0.001)
    assert keyed.max() == 1
    assert keyed.min() == 0


def test_the_noise_of_a_clip_has_the_drawn_level() -> None:
    rows = MorseRows("test", {"test": ["eeeee"] * 250, "train": ["a"], "validation": ["b"] * 250})
    rows.silence[:] = 1.0
    for index in range(5):
        clip = rows[index]["audio"].astype(float)
        noise = np.std(clip[: RATE - 100])
        tone = rows.loudness[index] / np.sqrt(2)
        assert 20 * np.log10(tone / noise) == pytest.approx(rows.snr[index], abs=0.3)


def test_an_unknown_split_names_the_splits_there_are(built_in: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        built_in("ctc", "morse", train="trian", valid="dev")
    assert [(fault.key, fault.found, fault.nearest) for fault in caught.value.faults] == [
        ("data.train", "trian", "data.train=train"),
        ("data.valid", "dev", ""),
    ]
    assert "train, validation, test" in str(caught.value)


def test_a_column_of_built_in_data_may_play_another_role(built_in: Any) -> None:
    source = built_in("causal-lm", "morse", columns={"text": "transcript"})
    assert source.train.roles == {"text", "audio"}
    assert source.train[0]["text"].isalpha()
    with pytest.raises(
        ConfigError,
        match=r"data.columns.text: found transcripts.*mean data.columns.text=transcript\?",
    ):
        built_in("ctc", "morse", columns={"text": "transcripts"})
