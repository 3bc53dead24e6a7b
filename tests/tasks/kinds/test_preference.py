"""Preferences: losses of a model's own log-probabilities, rows of every form, what is refused."""

import json
import math
from pathlib import Path
from typing import Any

import datasets
import pytest
import torch

from zoo.data.source import open_source
from zoo.data.sources.values import Odd, as_flag
from zoo.errors import ConfigError
from zoo.recipe import Recipe
from zoo.tasks.build import build_task, head_class
from zoo.tasks.text.vocabulary import CAUSAL, byte_tokenizer

KIND = "preference"
JUDGED = [
    {"prompt": "ab", "completion": "cde", "label": 1, "reference": (-20.0, -30.0)},
    {"prompt": "f", "completion": "gh", "label": 0, "reference": (-18.0, -22.0)},
    {"prompt": "ij", "completion": "k", "label": 1, "reference": (-9.0, -21.0)},
]
TALK = [
    {"role": "user", "content": "hi"},
    {"role": "assistant", "content": "yes"},
]
OTHER = [TALK[0], {"role": "assistant", "content": "no"}]


@pytest.fixture
def made(make_recipe: Any, make_source: Any) -> Any:
    """made(task keys, rows): a task, its rows, and a model."""

    def make(task: dict[str, Any], rows: Any = None) -> Any:
        source = make_source(KIND, rows)
        built = build_task(make_recipe(KIND, task), source)
        torch.manual_seed(0)
        model = head_class(KIND).from_config(built.config).eval()
        return built, built.rows(source.train), model

    return make


def nats(task: Any, model: Any, prompt: str, answer: str) -> tuple[float, int]:
    """The log-probability of an answer with its end, token by token, and how many tokens it has."""
    given = list(prompt.encode())
    ids = [*given, *answer.encode(), task.tokenizer.eos_token_id]
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([ids])).logits[0].log_softmax(-1)
    told = [float(logits[at - 1, ids[at]]) for at in range(len(given), len(ids))]
    return sum(told), len(told)


def logistic(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def plain(loss: str, chosen: Any, rejected: Any, reference: Any) -> float:
    """The loss of one pair from (nats, tokens) of both answers."""
    sums, tokens = zip(chosen, rejected, strict=True)
    if loss in ("dpo", "ipo", "hinge"):
        sums = [own - theirs for own, theirs in zip(sums, reference, strict=True)]
    if loss in ("ipo", "orpo", "simpo"):
        sums = [own / count for own, count in zip(sums, tokens, strict=True)]
    first, second = sums
    odds = [math.exp(one) / (1 - math.exp(one)) for one in sums] if loss == "orpo" else [1.0, 1.0]
    return {
        "dpo": -math.log(logistic(0.1 * (first - second))),
        "ipo": (first - second - 5) ** 2,
        "hinge": max(0.0, 1 - 0.1 * (first - second)),
        "orpo": -first - 0.1 * math.log(logistic(math.log(odds[0]) - math.log(odds[1]))),
        "simpo": -math.log(logistic(2 * (first - second) - 1)),
    }[loss]


@pytest.mark.parametrize("loss", ["dpo", "ipo", "hinge", "orpo", "simpo"])
def test_the_loss_of_a_batch_is_that_of_answers_read_one_by_one(
    made: Any, make_batch: Any, loss: str
) -> None:
    task, rows, model = made({"loss": loss})
    batch = make_batch(task, rows, 3)
    wanted, margins = 0.0, []
    for row in (rows[index] for index in range(3)):
        sides = [nats(task, model, row["prompt"], row[name]) for name in ("chosen", "rejected")]
        wanted += plain(loss, *sides, row["reference"])
        margins.append(sides[0][0] - sides[1][0])
    outputs = model(**batch["inputs"])
    assert task.loss(outputs, batch).item() == pytest.approx(wanted, rel=1e-5)
    scores = task.score(task.tally(outputs, batch))
    assert scores["loss"] == pytest.approx(wanted / 3, rel=1e-5)
    gap = scores["chosen_logp"] - scores["rejected_logp"]
    assert gap == pytest.approx(sum(margins) / 3, rel=1e-4)
    assert 0 <= scores["reward_accuracy"] <= 1


def test_kto_compares_with_the_answer_of_the_next_row(made: Any, make_batch: Any) -> None:
    task, rows, model = made({"loss": "kto", "desirable_weight": 2.0}, JUDGED)
    batch = make_batch(task, rows, 3)
    own, other = [], []
    for at, row in enumerate(JUDGED):
        following = JUDGED[(at + 1) % 3]["completion"]
        reference = row["reference"]
        own.append(nats(task, model, row["prompt"], row["completion"])[0] - reference[0])
        other.append(nats(task, model, row["prompt"], following)[0] - reference[1])
    point = max(0.0, sum(other) / 3)
    signs = [1 if row["label"] else -1 for row in JUDGED]
    each = [1 - logistic(0.1 * sign * (one - point)) for one, sign in zip(own, signs, strict=True)]
    outputs = model(**batch["inputs"])
    assert task.loss(outputs, batch).item() == pytest.approx(
        2 * each[0] + each[1] + 2 * each[2], rel=1e-5
    )
    scores = task.score(task.tally(outputs, batch))
    right = [(one > point) == (sign > 0) for one, sign in zip(own, signs, strict=True)]
    assert scores["reward_accuracy"] == pytest.approx(sum(right) / 3)
    margin = 0.1 * ((own[0] + own[2]) / 2 - own[1])
    assert scores["margin"] == pytest.approx(margin, rel=1e-4)


def test_what_is_told_of_a_row_is_what_its_reference_should_be(made: Any, make_batch: Any) -> None:
    task, rows, model = made({"loss": "dpo"})
    batch = make_batch(task, rows, 2)
    told = task.records(model(**batch["inputs"]), batch)["reference"]
    sides = [nats(task, model, rows[0]["prompt"], rows[0][n])[0] for n in ("chosen", "rejected")]
    assert told[0].tolist() == pytest.approx(sides, rel=1e-5)
    assert task.reference and not task.has_records


@pytest.mark.parametrize("loss", ["orpo", "simpo"])
def test_losses_without_a_reference_ask_for_none(made: Any, loss: str) -> None:
    assert not made({"loss": loss})[0].reference


def test_a_row_without_its_reference_is_no_number_and_never_a_wrong_one(
    made: Any, make_batch: Any
) -> None:
    rows = [{"prompt": "a", "chosen": "b", "rejected": "c"}]
    task, rows, model = made({"loss": "dpo"}, rows)
    batch = make_batch(task, rows, 1)
    assert math.isnan(task.loss(model(**batch["inputs"]), batch).item())


def test_chats_are_read_by_a_template_and_only_the_last_answers_are_targets(
    made: Any, make_batch: Any
) -> None:
    task, rows, _ = made(
        {"loss": "orpo", "sequence_length": 60}, [{"chosen": TALK, "rejected": OTHER}]
    )
    batch = make_batch(task, rows, 1)
    ids, labels = batch["inputs"]["input_ids"], batch["labels"]["labels"]
    assert task.tokenizer.decode(ids[0]).startswith("<|im_start|>user\nhi<|im_end|>")
    said = [task.tokenizer.decode(one[one >= 0]) for one in labels]
    assert said == ["yes<|im_end|>\n", "no<|im_end|>\n"]


def test_a_pair_whose_answer_is_cut_away_counts_as_dropped(made: Any, make_batch: Any) -> None:
    rows = [{"prompt": "", "chosen": "b" * 40, "rejected": "c"}]
    task, rows, _ = made({"loss": "orpo", "sequence_length": 4}, rows)
    batch = make_batch(task, rows, 1)
    assert batch["lost"] == {"dropped": 0.0, "truncated": 1.0} and float(batch["count"]) == 1


FORMS: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "texts": ("dpo", [{"prompt": "a", "chosen": "b", "rejected": "c"}]),
    "chats": ("dpo", [{"prompt": "hi", "chosen": TALK, "rejected": OTHER}]),
    "no prompt": ("dpo", [{"chosen": TALK, "rejected": OTHER}]),
    "turns": ("dpo", [{"prompt": TALK[:1], "chosen": TALK[1:], "rejected": OTHER[1:]}]),
    "judged": (
        "kto",
        [{"prompt": "a", "completion": "b", "label": flag} for flag in (True, False)],
    ),
    "judged chats": ("kto", [{"prompt": TALK[:1], "completion": TALK[1:], "label": False}]),
}


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("source", ["jsonl", "hub"])
def test_rows_are_read_from_files_and_data_sets(tmp_path: Path, name: str, source: str) -> None:
    loss, rows = FORMS[name]
    folder = tmp_path / "set"
    folder.mkdir()
    if source == "hub":
        datasets.Dataset.from_list(rows).to_parquet(folder / "train.parquet")
        data: dict[str, Any] = {"source": "hub", "name": str(folder)}
    else:
        (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        data = {"source": "files", "folder": str(folder), "train": "train.jsonl"}
    content = {
        "task": {"kind": KIND, "sequence_length": 64, "loss": loss},
        "model": {"config": {"model_type": "gpt2"}, "tokenizer": "bytes"},
        "data": {**data, "cache": str(tmp_path / "cache")},
        "optimizer": {"type": "AdamW", "params": {"lr": 1e-3}},
        "run": {"steps": 1, "batch": 4, "micro_batch": 4},
    }
    train = open_source(Recipe.model_validate_json(json.dumps(content))).train
    for index, row in enumerate(rows):
        wanted = row | ({"label": int(row["label"])} if "label" in row else {})
        assert train[index] == wanted


def test_a_label_is_true_or_false_however_it_is_written() -> None:
    assert [as_flag(one) for one in (True, "false", 1, "0", None)] == [1, 0, 1, 0, None]
    with pytest.raises(Odd, match="not true or false"):
        as_flag(2)


def test_a_tokenizer_without_template_is_refused_for_chats(
    make_recipe: Any, make_source: Any, tmp_path: Path
) -> None:
    byte_tokenizer(CAUSAL).save_pretrained(tmp_path / "plain")
    source = make_source(KIND, [{"chosen": TALK, "rejected": OTHER}])
    with pytest.raises(ConfigError, match="without chat template"):
        build_task(make_recipe(KIND, tokenizer=str(tmp_path / "plain")), source)
