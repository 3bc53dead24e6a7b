"""What was learned from marked text is scored by plain transformers as by the zoo, and answers in
transformers' pipelines.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from seqeval import metrics
from torchmetrics.functional.text import squad
from transformers import (
    AutoConfig,
    AutoModelForQuestionAnswering,
    AutoModelForTokenClassification,
    AutoTokenizer,
    pipeline,
)

from tests.ranks import run_ranks
from zoo.recipe import load_recipe
from zoo.tasks.build import head_class
from zoo.tasks.text.vocabulary import ENCODER, trained_tokenizer
from zoo.training.evaluate import evaluate
from zoo.training.run import run

MODEL = {
    "model_type": "bert",
    "hidden_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 64,
    "hidden_dropout_prob": 0.0,
}
NAMED = {"Ada": "PER", "Bob": "PER", "New York": "LOC", "Rome": "LOC"}


def tagged(count: int) -> Iterator[dict[str, Any]]:
    """Sentences of words of which some are names."""
    rng = np.random.default_rng(count)
    for _ in range(count):
        row: dict[str, Any] = {"tokens": [], "tags": []}
        for word in rng.choice([*NAMED, "saw", "in", "and", "the"], rng.integers(3, 12)):
            parts, kind = str(word).split(), NAMED.get(str(word))
            row["tokens"] += parts
            row["tags"] += [f"{'BI'[n > 0]}-{kind}" if kind else "O" for n in range(len(parts))]
        yield row


def asked(count: int) -> Iterator[dict[str, Any]]:
    """Where somebody is, among who is where; some contexts are longer than a window."""
    rng = np.random.default_rng(count)
    for _ in range(count):
        people = rng.permutation(["Ada", "Bob", "Cleo", "Dan", "Eve"])[: rng.integers(1, 5)]
        facts = [f"{who} is in {rng.choice(['New York', 'Rome', 'Oslo'])}" for who in people]
        context, place = " . ".join(facts), facts[0].partition(" in ")[2]
        mixed = " . ".join(rng.permutation(facts))
        start = mixed.index(facts[0]) + len(facts[0]) - len(place)
        assert len(mixed) == len(context)
        answers = {"text": [place], "answer_start": [start]}
        yield {"question": f"where is {people[0]}", "context": mixed, "answers": answers}


ROWS = {"token-classification": tagged, "question-answering": asked}
MORE = {"token-classification": {}, "question-answering": {"stride": 4}}
STEPS = {"token-classification": 60, "question-answering": 120}
LENGTHS = {"token-classification": 12, "question-answering": 20}


def train(kind: str, root: Path, changes: dict[str, Any] | None = None) -> int:
    """Trains on files in `root`."""
    for name, count in (("train", 300), ("valid", 45)):
        text = "".join(json.dumps(row) + "\n" for row in ROWS[kind](count))
        (root / f"{name}.jsonl").write_text(text)
    files = {"source": "files", "folder": str(root), "train": "train.jsonl", "valid": "valid.jsonl"}
    recipe = {
        "task": {"kind": kind, "sequence_length": LENGTHS[kind], **MORE[kind]},
        "model": {"config": MODEL, "tokenizer": {"train": "wordpiece", "vocab_size": 90}},
        "data": {**files, "workers": 0},
        "optimizer": {"type": "AdamW", "params": {"lr": 3e-3}},
        "run": {"steps": STEPS[kind], "batch": 16, "micro_batch": 16, "folder": str(root / "run")},
    }
    (root / "recipe.json").write_text(json.dumps(recipe | (changes or {})))
    return run(load_recipe(root / "recipe.json"))


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, dict[str, float]]]:
    """The exported folder of each kind, and how the zoo scores it."""
    root = tmp_path_factory.mktemp("marked")
    found = {}
    for kind in ROWS:
        (root / kind).mkdir()
        assert run_ranks(1, train, kind, root / kind) == [0]
        folder = root / kind / "run" / "model"
        found[kind] = (folder, run_ranks(1, evaluate, folder, "valid")[0])
    return found


def test_tags_are_scored_by_plain_transformers_as_by_the_zoo(scored: Any) -> None:
    folder, scores = scored["token-classification"]
    model = AutoModelForTokenClassification.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    wanted, found, losses = [], [], []
    for row in tagged(45):
        encoded = tokenizer(
            row["tokens"], is_split_into_words=True, truncation=True, return_tensors="pt"
        )
        with torch.no_grad():
            logits = model(**encoded).logits[0]
        tags, words = ["O"] * len(row["tokens"]), encoded.word_ids()
        for place in range(1, len(words)):
            if words[place] is not None and words[place] != words[place - 1]:
                tags[words[place]] = model.config.id2label[int(logits[place].argmax())]
                label = model.config.label2id[row["tags"][words[place]]]
                losses.append(-float(logits[place].log_softmax(-1)[label]))
        wanted.append(row["tags"])
        found.append(tags)
    assert len(losses) < sum(map(len, wanted)), "no word was cut away"
    assert scores["valid/entity_f1"] == pytest.approx(metrics.f1_score(wanted, found))
    assert scores["valid/entity_f1"] > 0.8
    assert scores["valid/accuracy"] == pytest.approx(metrics.accuracy_score(wanted, found))
    assert scores["valid/loss"] == pytest.approx(np.mean(losses), abs=1e-5)


def test_the_pipeline_of_transformers_finds_the_entities(scored: Any) -> None:
    folder = str(scored["token-classification"][0])
    find = pipeline("token-classification", folder, aggregation_strategy="simple")
    found = [(one["entity_group"], one["word"]) for one in find("Ada saw New York")]
    assert found == [("PER", "Ada"), ("LOC", "New York")]


def best_answer(model: Any, tokenizer: Any, question: str, context: str) -> str:
    """The best answer over all windows, by transformers and nothing else."""
    encoded = tokenizer(
        question, context, truncation="only_second", stride=4, padding=True,
        return_overflowing_tokens=True, return_offsets_mapping=True, return_tensors="pt",
    )  # fmt: skip
    offsets = encoded.pop("offset_mapping").tolist()
    encoded.pop("overflow_to_sample_mapping")
    with torch.no_grad():
        outputs = model(**encoded)
    found = []
    for window in range(len(offsets)):
        start, end = outputs.start_logits[window], outputs.end_logits[window]
        inside = [n for n, which in enumerate(encoded.sequence_ids(window)) if which == 1]
        for first in inside:
            for last in inside[inside.index(first) :]:
                characters = (offsets[window][first][0], offsets[window][last][1])
                found.append((float(start[first] + end[last]), characters))
    first, last = max(found)[1]
    return context[first:last]


def test_answers_are_scored_by_plain_transformers_as_by_the_zoo(scored: Any) -> None:
    folder, scores = scored["question-answering"]
    model = AutoModelForQuestionAnswering.from_pretrained(folder).eval()
    tokenizer, given, right = AutoTokenizer.from_pretrained(folder), [], []
    assert tokenizer.model_max_length == LENGTHS["question-answering"]
    for number, row in enumerate(asked(45)):
        answer = best_answer(model, tokenizer, row["question"], row["context"])
        given.append({"prediction_text": answer, "id": str(number)})
        right.append({"answers": row["answers"], "id": str(number)})
    theirs = squad(given, right)
    assert scores["valid/exact"] == pytest.approx(float(theirs["exact_match"]) / 100, abs=1e-6)
    assert scores["valid/f1"] == pytest.approx(float(theirs["f1"]) / 100, abs=1e-6)
    assert scores["valid/exact"] > 0.5


def test_exported_answers_load_into_the_class_of_transformers_by_name(scored: Any) -> None:
    folder, _ = scored["question-answering"]
    found = json.loads((folder / "config.json").read_text())
    assert found["architectures"] == ["BertForQuestionAnswering"]


SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
FAMILIES: dict[str, dict[str, Any]] = {
    "bert": SMALL | {"intermediate_size": 64},
    "roberta": SMALL | {"intermediate_size": 64},
    "electra": SMALL | {"intermediate_size": 64, "embedding_size": 16},
    "distilbert": {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64},
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ROWS)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_head_of_transformers_comes_back_bit_by_bit(
    kind: str, family: str, tmp_path: Path
) -> None:
    words = (" ".join(row.get("tokens", [row.get("context")])) for row in ROWS[kind](99))
    tokenizer = trained_tokenizer("bpe", [*words], 300, False, ENCODER)
    tags = ["B-LOC", "B-PER", "I-LOC", "O"]
    names = {"id2label": dict(enumerate(tags))} if kind == "token-classification" else {}
    config = AutoConfig.for_model(
        family, **FAMILIES[family], **names, vocab_size=len(tokenizer), pad_token_id=0
    )
    before = head_class(kind).from_config(config)
    for part in (before, tokenizer):
        part.save_pretrained(tmp_path / "brought")
    still = {
        "model": {"name": str(tmp_path / "brought")},
        "optimizer": {"type": "AdamW", "params": {"lr": 0.0}},
        "run": {"steps": 1, "batch": 16, "micro_batch": 16, "folder": str(tmp_path / "run")},
    }
    assert run_ranks(1, train, kind, tmp_path, still) == [0]
    after = load_file(tmp_path / "run" / "model" / "model.safetensors")
    assert after.keys() == before.state_dict().keys()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.state_dict().items())
