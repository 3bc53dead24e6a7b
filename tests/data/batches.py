"""Rows of numbers, and their batches as the loader makes them."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from zoo.data.corrupt import CorruptLimit
from zoo.data.loading.loader import eval_batches, train_batches
from zoo.data.ordering.epochs import Epochs
from zoo.data.rows import Batch, ListRows, Row, Rows

COUNT = 53
ROWS = ListRows([{"text": str(number)} for number in range(COUNT)], "numbers")


def example(row: Row, rng: np.random.Generator, training: bool) -> dict[str, Any]:
    """The row's number and, in training, a draw, as an augmentation would make it."""
    return {"number": int(row["text"]), "draw": rng.random() if training else 0.0}


def collate(examples: list[dict[str, Any]], rng: np.random.Generator, training: bool) -> Batch:
    weights = torch.tensor([example["weight"] for example in examples])
    draws = torch.tensor([example["draw"] for example in examples]) + rng.random()
    numbers = torch.tensor([example["number"] for example in examples])
    return {
        "inputs": {"numbers": numbers, "draws": draws},
        "labels": {"weights": weights},
        "count": weights.sum(dtype=torch.float64),
    }


def train(
    ranks: int = 1, rank: int = 0, workers: int = 0, start: int = 0, micro_batch: int = 2
) -> Iterator[list[Batch]]:
    return train_batches(
        ROWS,
        Epochs(COUNT, 8, 1, micro_batch=micro_batch),
        example,
        collate,
        8 // micro_batch // ranks,
        rank,
        1,
        workers,
        start,
        CorruptLimit(),
    )


def flat(batches: list[Batch]) -> list[Any]:
    """Everything in the batches, as plain numbers."""
    return [
        [b["ids"], b["corrupt"], b["count"].item()]
        + [t.tolist() for part in ("inputs", "labels") for t in b[part].values()]
        for b in batches
    ]


def evaluated(ranks: int, workers: int = 0, rows: Rows = ROWS) -> list[list[Batch]]:
    return [
        list(eval_batches(rows, example, collate, 4, rank, ranks, 1, workers))
        for rank in range(ranks)
    ]
