"""Chats that lie in shards share rows as others do, and a row holds those of one shard alone."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from tests.data.sources.shards.making import parquet
from zoo.data.corrupt import CorruptLimit
from zoo.data.loading.loader import train_batches
from zoo.data.ordering.build import order_of
from zoo.data.source import open_source
from zoo.recipe import Recipe
from zoo.tasks.build import build_task

SHARDS, EACH = 4, 9


def chat(number: int) -> dict[str, Any]:
    said = [("user", f"{number}?"), ("assistant", f"{number}" * (1 + number % 5))]
    return {"messages": [{"role": role, "content": content} for role, content in said]}


def test_every_chat_is_learned_from_once_an_epoch_with_others_of_its_shard(tmp_path: Path) -> None:
    for shard in range(SHARDS):
        rows = [chat(10 + shard * EACH + number) for number in range(EACH)]
        parquet(tmp_path / f"train-{shard}.parquet", rows)
    content: dict[str, Any] = {
        "task": {"kind": "causal-lm", "sequence_length": 63, "documents": "masked"},
        "model": {"config": {"model_type": "llama", "num_hidden_layers": 1}, "tokenizer": "bytes"},
        "data": {"source": "files", "folder": str(tmp_path), "train": "train-*.parquet"}
        | {"streaming": True, "cache": str(tmp_path / "cache"), "workers": 0},
        "optimizer": {"type": "AdamW", "params": {"lr": 1e-3}},
        "run": {"steps": 1, "batch": 2, "micro_batch": 1},
    }
    recipe = Recipe.model_validate_json(json.dumps(content))
    source = open_source(recipe)
    task = build_task(recipe, source)
    bins: Any = task.rows(source.train)
    members = [bins.members(index) for index in range(len(bins))]
    assert sorted(place for one in members for place in one) == list(range(SHARDS * EACH))
    assert max(map(len, members)) > 1
    assert all(len({place // EACH for place in one}) == 1 for one in members)
    sizes = bins.shard_sizes()
    assert sizes.tolist() == [sum(one[0] // EACH == shard for one in members) for shard in range(4)]
    order, limit = order_of(recipe, bins), CorruptLimit()
    made = train_batches(bins, order, task.example, task.collate, 2, 0, 0, 0, 0, limit)
    seen = [batch["ids"] for _ in range(order.steps_per_epoch) for batch in next(made)]
    left = len(bins) - len(seen)  # fewer than one a lane
    assert len({row for (row,) in seen}) == len(seen) and 0 <= left < 2
    assert np.all(bins.sizes <= 64)
