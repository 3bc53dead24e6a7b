"""Rows that can be read and not be learned from: whatever the kind, it is said where they lie."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image

from tests.tasks.conftest import MODELS, TASKS
from zoo.data.corrupt import CorruptLimit
from zoo.data.loading.loader import eval_batches
from zoo.data.source import open_source
from zoo.recipe import Recipe
from zoo.tasks.build import build_task

ASKED, SAID = {"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}
CHAT, DISORDER = {"messages": [ASKED, SAID]}, {"messages": [SAID, ASKED]}
PAIR = {"prompt": [ASKED], "chosen": [SAID], "rejected": [SAID]}
JUDGED = {"prompt": [ASKED], "completion": [SAID], "label": True}
ROWS: dict[str, tuple[str, dict[str, Any], dict[str, Any], dict[str, Any], str]] = {
    "roles": ("causal-lm", {}, CHAT, DISORDER, "a chat in a wrong order"),
    "bins": ("causal-lm", {"documents": "masked"}, CHAT, DISORDER, "a chat in a wrong order"),
    "pair": ("preference", {}, PAIR, {**PAIR, "prompt": [SAID]}, "a chat in a wrong order"),
    "judged": (
        "preference",
        {"loss": "kto"},
        JUDGED,
        {**JUDGED, "completion": [SAID, SAID]},
        "a chat in a wrong order",
    ),
    "reward": (
        "sequence-classification",
        {"problem": "pairs"},
        {"chosen": "a b", "rejected": "a c"},
        {"chosen": "b", "rejected": "c"},
        "answers without a prompt",
    ),
    "question": (
        "question-answering",
        {},
        {"question": "a", "context": "b", "answers": [{"text": "b", "answer_start": 0}]},
        {"question": "a" * 99, "context": "b", "answers": [{"text": "b", "answer_start": 0}]},
        "a question of",
    ),
    "clip": (
        "ctc",
        {},
        {"file_name": "long.wav", "transcript": "a"},
        {"file_name": "short.wav", "transcript": "a"},
        "a clip of 10 samples",
    ),
    "mask": (
        "semantic-segmentation",
        {},
        {"image": "small.png", "mask": "small.png"},
        {"image": "small.png", "mask": "large.png"},
        "a mask of",
    ),
}
"""Kind, task keys, a row that is learned from and one that is not, and what is said of it."""


@pytest.mark.parametrize("name", ROWS)
def test_a_row_that_nothing_can_be_made_of_is_named_by_its_file_and_line(
    name: str, tmp_path: Path
) -> None:
    kind, keys, good, bad, wanted = ROWS[name]
    for side in ("small", "large"):
        Image.new("L", (4 if side == "small" else 5, 4)).save(tmp_path / f"{side}.png")
    for length, samples in (("long", 8000), ("short", 10)):
        soundfile.write(tmp_path / f"{length}.wav", np.zeros(samples), 8000)
    lines = [good, bad, *[good] * 3]
    (tmp_path / "train.jsonl").write_text("\n".join(map(json.dumps, lines)))
    content: dict[str, Any] = {
        "task": {"kind": kind, **TASKS[kind], **keys},
        "model": MODELS[kind] | ({"tokenizer": "bytes"} if "tokenizer" in MODELS[kind] else {}),
        "data": {"source": "files", "folder": str(tmp_path), "train": "train.jsonl"}
        | {"cache": str(tmp_path / "cache"), "workers": 0}
        | ({"labels": ["ground", "sky"]} if kind == "semantic-segmentation" else {}),
        "optimizer": {"type": "AdamW", "params": {"lr": 1e-3}},
        "run": {"steps": 1, "batch": 1, "micro_batch": 1},
    }
    recipe = Recipe.model_validate_json(json.dumps(content))
    source = open_source(recipe)
    task = build_task(recipe, source)
    rows = task.rows(source.train)
    limit = CorruptLimit(5)
    list(eval_batches(rows, task.example, task.collate, 1, 0, 1, 0, 0, limit))
    (said,) = limit.found.values()
    assert said.startswith(f"{tmp_path / 'train.jsonl'} line 2: {wanted}")
