"""Recipes begun from a user's data: what is chosen, what is said, and that training takes them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import own_data
from tests.commands import forked
from tests.own_data import lines, write_table
from zoo.drafting.new import Asked, base_named, default_base, drafted, looked
from zoo.drafting.roles import NAMES
from zoo.drafting.writing import as_text, refuse_if_there, write
from zoo.errors import ConfigError
from zoo.recipe import Recipe
from zoo.recipe.vocabulary.roles import ROLES
from zoo.training.checks import ring_two

WALKS: dict[str, tuple[Callable[[Path], Path], str]] = {
    "reviews.csv": (own_data.write_reviews, "valid/accuracy"),
    "drawings": (own_data.write_drawings, "valid/top_1"),
    "calls": (own_data.write_calls, "valid/wer"),
    "chats.jsonl": (own_data.write_chats, "valid/perplexity"),
}
"""What strangers bring: who writes it, and the first score of a run on it."""


def begun(
    folder: Path, *data: Path, base: str | None = None, words: tuple[str, ...] = ()
) -> Recipe:
    """The recipe that `zoo new` writes for this data as my.json in the folder."""
    asked = Asked(folder / "my.json", tuple(map(str, data)), words)
    found = looked(asked.data)
    start = base_named(base) if base else default_base(found) if found else None
    assert start is not None
    draft = drafted(asked, start, found)
    recipe, _ = write(asked.path, as_text(draft.sections, draft.why, "test"))
    return recipe


def texts(count: int = 30) -> list[str]:
    return [f"a text of some words that is number {number}" for number in range(count)]


@pytest.mark.parametrize("name", WALKS)
def test_a_strangers_data_becomes_a_recipe_that_the_deep_check_passes(
    name: str, tmp_path: Path
) -> None:
    make, _ = WALKS[name]
    recipe = begun(tmp_path, make(tmp_path / name))
    assert ring_two(recipe, 1).notes is not None
    written = (tmp_path / "my.json").read_text()
    assert '"folder": ' in written
    assert "// no file for validation" in written


CASES: dict[str, tuple[Callable[[Path], Any], str, dict[str, Any]]] = {
    "pairs": (
        lambda at: write_table(
            at / "p.csv",
            ("sentence1", "sentence2", "label"),
            [(t, t, "same") for t in texts()] + [(t, "other", "not") for t in texts()],
        ),
        "sequence-classification",
        {"columns": {"text": "sentence1", "text_pair": "sentence2"}},
    ),
    "numbers": (
        lambda at: write_table(
            at / "n.csv", ("text", "score"), [(t, n / 7) for n, t in enumerate(texts())]
        ),
        "sequence-classification",
        {"columns": {"label": "score"}, "problem": "regression"},
    ),
    "several labels": (
        lambda at: lines(
            at / "m.jsonl",
            [{"text": t, "labels": ["a", "b"][: n % 3]} for n, t in enumerate(texts())],
        ),
        "sequence-classification",
        {"columns": {"label": "labels"}, "problem": "multi-label"},
    ),
    "a column a label": (
        lambda at: write_table(
            at / "f.csv",
            ("text", "hot", "new"),
            [(t, n % 2, n % 3 == 0) for n, t in enumerate(texts())],
        ),
        "sequence-classification",
        {"columns": {"label": ["hot", "new"]}, "problem": "multi-label"},
    ),
    "prompts": (
        lambda at: lines(at / "q.jsonl", [{"query": t, "response": t} for t in texts()]),
        "causal-lm",
        {"columns": {"prompt": "query", "completion": "response"}},
    ),
    "Alpaca": (
        lambda at: lines(
            at / "a.jsonl", [{"instruction": t, "input": "", "output": t} for t in texts()]
        ),
        "causal-lm",
        {},
    ),
    "ShareGPT": (
        lambda at: lines(
            at / "c.jsonl",
            [
                {"conversations": [{"from": "human", "value": t}, {"from": "gpt", "value": t}]}
                for t in texts()
            ],
        ),
        "causal-lm",
        {"columns": {"messages": "conversations"}},
    ),
    "preferences": (
        lambda at: lines(
            at / "p.jsonl", [{"prompt": t, "chosen": t, "rejected": "no"} for t in texts()]
        ),
        "preference",
        {},
    ),
    "summaries": (
        lambda at: lines(at / "s.jsonl", [{"article": t, "summary": "a text"} for t in texts()]),
        "sequence-to-sequence",
        {"columns": {"source": "article", "target": "summary"}},
    ),
    "tags": (
        lambda at: lines(
            at / "t.jsonl", [{"tokens": ["Rome", "is"], "ner_tags": ["B-X", "O"]} for _ in texts()]
        ),
        "token-classification",
        {"columns": {"tags": "ner_tags"}},
    ),
    "answers": (
        lambda at: lines(
            at / "a.jsonl",
            [
                {"question": "who?", "context": t, "answers": {"text": ["a"], "answer_start": [0]}}
                for t in texts()
            ],
        ),
        "question-answering",
        {},
    ),
    "COCO": (
        lambda at: own_data.write_coco(at / "coco"),
        "object-detection",
        {"valid": "annotations/instances_val.json"},
    ),
    "masks": (
        lambda at: own_data.write_masks(at / "pixels"),
        "semantic-segmentation",
        {"labels": ["class 0", "class 1"], "train": "images"},
    ),
    "Kaldi": (
        lambda at: own_data.write_kaldi(at / "kaldi"),
        "ctc",
        {"train": "train/wav.scp", "valid": "dev/wav.scp"},
    ),
    "texts": (
        lambda at: [(at / f"{n}.txt").write_text("to be or not " * 90) for n in range(12)] and at,
        "causal-lm",
        {"valid": 0.1},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_columns_labels_and_sets_are_found_whatever_they_are_called(
    name: str, tmp_path: Path
) -> None:
    make, kind, expected = CASES[name]
    place = tmp_path / "data"
    place.mkdir()
    recipe = begun(tmp_path, make(place))
    said = json.loads(recipe.data.model_dump_json()) | json.loads(recipe.task.model_dump_json())
    assert recipe.task.kind == kind
    for key, value in expected.items():
        known = said[key]
        assert (known | value if isinstance(value, dict) else known) == (
            known if isinstance(value, dict) else value
        )


def test_every_role_has_a_name_by_which_its_column_is_found() -> None:
    assert NAMES.keys() == ROLES.keys()


def test_a_word_is_written_into_the_file_and_a_score_gets_its_own_name(tmp_path: Path) -> None:
    data = own_data.write_reviews(tmp_path / "r.csv", count=90)
    words = ("optimizer.params.lr=1e-4", "run.steps=7", "parallel=zero-2")
    recipe = begun(tmp_path, data, base="bert-base-mnli-finetune", words=words)
    assert recipe.optimizer.params["lr"] == 1e-4
    assert (recipe.run.steps, recipe.run.epochs) == (7, None)
    assert recipe.parallel.zero["stage"] == 2
    assert recipe.run.best_metric == "valid/accuracy"  # there it is that of its own set


def test_data_that_does_not_suit_names_recipes_that_do(tmp_path: Path) -> None:
    data = own_data.write_drawings(tmp_path / "d", 4)
    with pytest.raises(ConfigError) as raised:
        begun(tmp_path, data, base="bert-base-mnli-finetune")
    (fault,) = raised.value.faults
    assert "resnet-mini-signdigits" in fault.allowed
    begun(tmp_path, data, base=fault.nearest.removeprefix("--from "))


def test_a_file_that_is_there_is_kept(tmp_path: Path) -> None:
    path, data = tmp_path / "my.json", own_data.write_reviews(tmp_path / "r.csv", count=90)
    path.write_text("mine")
    with pytest.raises(ConfigError, match="--force"):
        refuse_if_there(path, force=False)
    begun(tmp_path, data)
    assert (tmp_path / "my.1.json.old").read_text() == "mine"


def test_what_the_checks_refuse_is_not_written(tmp_path: Path) -> None:
    data = own_data.write_reviews(tmp_path / "r.csv", count=90)
    with pytest.raises(ConfigError, match=r"my.json: run.bacth: .*did you mean run.batch"):
        begun(tmp_path, data, words=("run.bacth=3",))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["r.csv"]


def test_in_a_pipe_it_says_what_it_took_and_what_comes_next(tmp_path: Path) -> None:
    data = own_data.write_reviews(tmp_path / "r.csv", count=90)
    done = forked("new", str(tmp_path / "my.json"), "--data", str(data))
    assert done.returncode == 0, done.stderr
    assert "task: sequence-classification, as the data tells" in done.stdout
    assert f"zoo check {tmp_path / 'my.json'} --deep" in done.stdout
    again = forked("new", str(tmp_path / "my.json"), "--data", str(data))
    assert again.returncode == 2
    nothing = forked("new", str(tmp_path / "other.json"))
    assert "--data: found nothing" in nothing.stderr
