"""Which rows stay: rules by column, equal rows, in every source, counted and kept."""

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
import soundfile
from PIL import Image

from tests.data.conftest import MakeRecipe
from tests.data.remote.server import serving
from tests.data.sources.shards.making import as_json, images
from zoo.data.filtering import filter as filtering
from zoo.data.filtering.values import Tokens
from zoo.data.preparing import measuring, pool
from zoo.data.preparing.crew import Crew, prepared_by
from zoo.data.source import Source, open_source
from zoo.errors import ConfigError


@dataclass(frozen=True)
class _Words:
    """Counts blanks for tokens, in whatever process."""

    def __call__(self, texts: Sequence[str]) -> list[int]:
        return [text.count(" ") for text in texts]


CLASSIFY, LOOK = "sequence-classification", "image-classification"
ROWS = [
    {"text": "one", "label": "a", "language": "en", "score": 0.1},
    {"text": "one two three", "label": "b", "language": "de", "score": 0.9},
    {"text": "one", "label": "a", "language": "fr", "score": 1},
    {"text": "two http://x", "label": "c", "language": None, "score": "0.5"},
    {"text": "one", "label": "b", "language": "en", "score": None},
]


@pytest.fixture
def source(tmp_path: Path, make_recipe: MakeRecipe) -> Any:
    """source(train, valid, **data): the rows of a jsonl, opened."""

    def opened(**data: Any) -> Source:
        (tmp_path / "train.jsonl").write_text("\n".join(map(json.dumps, ROWS)))
        section = {"source": "files", "folder": str(tmp_path), "train": "train.jsonl", **data}
        return open_source(make_recipe(CLASSIFY, **section))

    return opened


def said(opened: Any, **data: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        opened(**data)
    return str(caught.value)


def texts(found: Source) -> list[str]:
    return [found.train[index]["text"] for index in range(len(found.train))]


@pytest.mark.parametrize(
    ("rules", "left", "counts"),
    [
        ({"text": {"min_words": 2}}, [1, 3], {"text.min_words": 3}),
        ({"text": {"min_characters": 3, "max_characters": 12}}, [0, 2, 3, 4], None),
        ({"text": {"lacks": "https?://"}}, [0, 1, 2, 4], {"text.lacks": 1}),
        ({"text": {"matches": "^one"}}, [0, 1, 2, 4], {"text.matches": 1}),
        ({"language": {"allowed": ["en", "de"]}}, [0, 1, 4], {"language.allowed": 2}),
        ({"language": {"forbidden": ["en"]}}, [1, 2], {"language.forbidden": 3}),
        ({"score": {"min": 0.5, "max": 0.9}}, [1, 3], {"score.min": 2, "score.max": 1}),
        ({"label": {"forbidden": ["c"]}, "score": {"max": 0.5}}, [0], None),
    ],
)
def test_rows_stay_that_keep_every_condition(
    rules: dict[str, Any], left: list[int], counts: dict[str, int] | None, source: Any
) -> None:
    found = source(filter=rules)
    assert texts(found) == [ROWS[number]["text"] for number in left]
    assert counts is None or found.left_out == {"train": counts}
    assert set(found.labels) == {ROWS[number]["label"] for number in left}


def test_of_equal_rows_the_first_stays(source: Any) -> None:
    assert texts(source(deduplicate=True)) == [ROWS[n]["text"] for n in (0, 1, 3, 4)]
    by_text = source(deduplicate=["text"])
    assert texts(by_text) == ["one", "one two three", "two http://x"]
    assert by_text.left_out == {"train": {"deduplicate": 2}}
    after = source(deduplicate=["text"], filter={"language": {"forbidden": ["en"]}})
    assert texts(after) == ["one two three", "one"]  # equal to one that is gone is equal to none


def test_a_share_is_cut_of_what_is_left_and_sets_may_be_named(source: Any) -> None:
    found = source(filter={"text": {"max_words": 1}}, valid=0.34)
    assert (len(found.train), len(found.valid["valid"])) == (2, 1)
    assert found.left_out == {"train": {"text.max_words": 2}}
    alone = source(deduplicate=True, filter_sets=["valid"], valid="train.jsonl")
    assert (len(alone.train), len(alone.valid["valid"])) == (5, 4)
    assert alone.left_out == {"valid": {"deduplicate": 1}}


def test_what_is_found_is_kept_and_changes_with_rows_and_rules(
    source: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = source(filter={"language": {"allowed": ["en"]}})
    other = source(filter={"language": {"allowed": ["de"]}})
    assert first.train.fingerprint != other.train.fingerprint
    monkeypatch.setattr(filtering, "_found", None)
    again = source(filter={"language": {"allowed": ["en"]}})
    assert again.train.fingerprint == first.train.fingerprint
    assert (again.left_out, texts(again)) == (first.left_out, texts(first))
    monkeypatch.setitem(ROWS[0], "language", "xx")  # in a column that no role reads
    with pytest.raises(TypeError):
        source(filter={"language": {"allowed": ["en"]}})


def test_what_cannot_be_filtered_is_a_fault_of_its_key(source: Any) -> None:
    rules = {"langage": {"allowed": ["en"]}, "text": {"min_width": 3}, "score": {"max_seconds": 1}}
    found = said(source, filter=rules, deduplicate=["txt"])
    assert (
        "data.filter.langage" in found
        and "mean data.filter.langage=unset 'data.filter.language=" in found
    )
    assert "data.filter.text.min_width: found text, which is text" in found
    assert "data.filter.score.max_seconds" in found and "clips" in found
    assert (
        "data.deduplicate: found txt" in found and """mean 'data.deduplicate=["text"]'?""" in found
    )


def test_a_filter_that_leaves_nothing_says_by_which_rule(source: Any) -> None:
    found = said(source, filter={"language": {"allowed": ["eng"]}})
    assert "data.filter.language.allowed: found none of 5 examples of train is left" in found
    assert """mean 'data.filter.language.allowed=["en"]'?""" in found
    assert "5 text.min_words" in said(source, filter={"text": {"min_words": 9}})


def test_a_corrupt_row_stays_to_be_counted(tmp_path: Path, source: Any) -> None:
    rows = [json.dumps(ROWS[0]), "no json", json.dumps(ROWS[1])]
    (tmp_path / "odd.jsonl").write_text("\n".join(rows))
    found = source(train="odd.jsonl", max_corrupt=1, filter={"text": {"max_words": 1}})
    assert list(found.train.unreadable()) == [1] and len(found.train) == 2


def test_tokens_are_counted_by_who_counts_them(
    tmp_path: Path, source: Any, make_recipe: MakeRecipe
) -> None:
    source()
    section = {"source": "files", "folder": str(tmp_path), "train": "train.jsonl"}
    recipe = make_recipe(CLASSIFY, filter={"text": {"max_tokens": 6}}, **section)
    found = open_source(recipe, tokens=Tokens("letters", lambda texts: [*map(len, texts)]))
    assert texts(found) == ["one", "one", "one"]


def test_clips_and_images_are_measured_by_their_headers(
    tmp_path: Path, make_recipe: MakeRecipe
) -> None:
    for name, (width, height) in {"a": (8, 20), "b": (30, 8), "c": (30, 30)}.items():
        (tmp_path / "pictures" / name).mkdir(parents=True)
        Image.new("RGB", (width, height)).save(tmp_path / "pictures" / name / "1.png")
    rules = {"image": {"min_width": 10, "max_height": 10}}
    section = {"source": "files", "folder": str(tmp_path), "train": "pictures"}
    found = open_source(make_recipe(LOOK, filter=rules, **section))
    assert (found.labels, len(found.train)) == (("b",), 1)
    for seconds in (1, 2, 3):
        soundfile.write(tmp_path / f"{seconds}.wav", np.full(seconds * 8000, 0.5), 8000)
    lines = [{"audio": f"{n}.wav", "transcript": "x"} for n in (1, 2, 3, 1)]
    (tmp_path / "clips.jsonl").write_text("\n".join(map(json.dumps, lines)))
    rules = {"audio": {"min_seconds": 1, "max_seconds": 2.5}}
    section = {"source": "files", "folder": str(tmp_path), "train": "clips.jsonl"}
    heard = open_source(make_recipe("ctc", filter=rules, deduplicate=["audio"], **section))
    assert heard.left_out == {"train": {"audio.max_seconds": 1, "deduplicate": 1}}


def test_a_data_set_of_the_hub_has_columns_beside_its_roles(
    tmp_path: Path, make_recipe: MakeRecipe
) -> None:
    kinds = datasets.ClassLabel(names=["good", "bad"])
    features = {"text": datasets.Value("string"), "label": datasets.Value("string"), "kind": kinds}
    rows = [{"text": f"row {n}", "label": "ab"[n % 2], "kind": n % 2} for n in range(10)]
    table = datasets.Dataset.from_list(rows, features=datasets.Features(features))
    table.to_parquet(tmp_path / "set" / "train.parquet")
    section = {"source": "hub", "name": str(tmp_path / "set")}
    rules = {"kind": {"allowed": ["good"]}}
    found = open_source(make_recipe(CLASSIFY, filter=rules, **section))
    assert texts(found) == [f"row {n}" for n in range(0, 10, 2)]


def test_streamed_shards_are_looked_through_once(tmp_path: Path, make_recipe: MakeRecipe) -> None:
    folder = tmp_path / "shards"
    folder.mkdir()
    images(folder, 4, 6)
    shards = sorted(folder.glob("*.tar"))
    named = [{"name": one.name, "bytes": one.stat().st_size, "rows": 6} for one in shards]
    index = {"shards": named, "classes": ["a", "b", "c"]}
    (folder / "shards.json").write_bytes(as_json(index))
    with serving(folder) as server:
        section = {"source": "files", "folder": server.url, "streaming": True, "train": "train"}
        section |= {"cache_limit": 2 * shards[0].stat().st_size, "timeout": 5.0}
        recipe = make_recipe(LOOK, filter={"label": {"forbidden": ["a"]}}, **section)
        found = open_source(recipe).train
        labels = {found.value(index, "label") for index in range(len(found))}
        assert labels == {1, 2} and len(found) < 24
        sizes = found.shard_sizes()
        assert sizes is not None and sizes.sum() == len(found) and len(sizes) == 4


def test_each_part_of_a_mixture_has_its_own_filter(
    tmp_path: Path, source: Any, make_recipe: MakeRecipe
) -> None:
    source()
    part = {"source": "files", "folder": str(tmp_path), "train": "train.jsonl"}
    built_in = {"source": "built-in", "name": "stdlib-text", "deduplicate": True}
    parts = {
        "files": {"data": {**part, "filter": {"text": {"max_words": 1}}}, "weight": 1},
        "other": {"data": {**built_in, "valid": False, "test": False}, "weight": 1},
    }
    found = open_source(make_recipe("causal-lm", source="mixture", parts=parts))
    assert found.left_out["train files"] == {"text.max_words": 2}
    assert found.left_out["train other"] == {"deduplicate": 3}
    parts["files"]["data"]["filter"] = {"words": {"max_words": 1}}
    with pytest.raises(ConfigError, match=r"data\.parts\.files\.data\.filter\.words"):
        open_source(make_recipe("causal-lm", source="mixture", parts=parts))


def test_images_are_equal_by_their_files(tmp_path: Path, make_recipe: MakeRecipe) -> None:
    for name, level in (("a/1", 3), ("a/2", 3), ("a/3", 4), ("b/1", 3)):
        file = io.BytesIO()
        Image.new("RGB", (4, 4), (level, 0, 0)).save(file, "PNG")
        path = tmp_path / "set" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.getvalue())
    section = {"source": "files", "folder": str(tmp_path), "train": "set"}
    assert len(open_source(make_recipe(LOOK, deduplicate=True, **section)).train) == 3
    assert len(open_source(make_recipe(LOOK, deduplicate=["image"], **section)).train) == 2


def test_a_row_that_is_none_is_left_by_no_condition(tmp_path: Path, source: Any) -> None:
    (tmp_path / "odd.jsonl").write_text("\n".join([json.dumps(ROWS[0]), "no json"]))
    rules = {"language": {"allowed": ["en"]}}
    assert len(source(train="odd.jsonl", max_corrupt=1, filter=rules).train) == 2


def test_rows_are_asked_by_several_processes_as_by_one(
    tmp_path: Path, make_recipe: MakeRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filtering, "_LONG", 0.0)
    monkeypatch.setattr(filtering, "_BLOCK", 50)
    monkeypatch.setattr(filtering, "_STRETCH", 20)
    rows = [
        {"text": "one " * (n * n % 23), "label": f"l{n % 5}", "score": n % 7} for n in range(990)
    ]
    (tmp_path / "train.jsonl").write_text("\n".join(map(json.dumps, rows)))
    rules = {"text": {"min_tokens": 2, "max_tokens": 15}, "score": {"min": 1}}
    section = {"source": "files", "folder": str(tmp_path), "train": "train.jsonl"}
    tokens, several = Tokens("words", _Words()), list[int]()

    def worked(work: Any, todo: Any, processes: int) -> Any:
        several.append(processes)
        return pool.worked(work, todo, processes)

    monkeypatch.setattr(measuring, "worked", worked)
    found = {}
    for processes in (1, 2):
        cache = str(tmp_path / f"cache-{processes}")
        asked = {**section, "filter": rules, "deduplicate": True, "cache": cache}
        with prepared_by(Crew(processes)):
            found[processes] = open_source(make_recipe(CLASSIFY, **asked), tokens=tokens)
    one, two = found[1], found[2]
    assert several == [2]
    assert one.left_out == two.left_out
    assert set(one.left_out["train"]) == {
        "text.min_tokens",
        "text.max_tokens",
        "score.min",
        "deduplicate",
    }
    assert len(one.train) + sum(one.left_out["train"].values()) == len(rows)
    assert one.train.fingerprint == two.train.fingerprint
    assert texts(one) == texts(two)
