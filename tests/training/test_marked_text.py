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
from seqeval import metrics
from transformers import AutoModelForTokenClassification, AutoTokenizer, pipeline

from tests.ranks import run_ranks
from zoo.recipe import load_recipe
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


ROWS = {"token-classification": tagged}


def train(kind: str, root: Path) -> int:
    """Trains on files in `root`."""
    for name, count in (("train", 300), ("valid", 45)):
        text = "".join(json.dumps(row) + "\n" for row in ROWS[kind](count))
        (root / f"{name}.jsonl").write_text(text)
    files = {"source": "files", "folder": str(root), "train": "train.jsonl", "valid": "valid.jsonl"}
    recipe = {
        "task": {"kind": kind, "sequence_length": 12},
        "model": {"config": MODEL, "tokenizer": {"train": "wordpiece", "vocab_size": 90}},
        "data": {**files, "workers": 0},
        "optimizer": {"type": "AdamW", "params": {"lr": 3e-3}},
        "run": {"steps": 60, "batch": 16, "micro_batch": 16, "folder": str(root / "run")},
    }
    (root / "recipe.json").write_text(json.dumps(recipe))
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
