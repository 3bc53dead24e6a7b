"""In bf16 the gradient that reaches the optimizer is the sum in fp32, on every layout."""

import re
from pathlib import Path

import pytest
import torch

from tests.runs import SHORT, rows, train_each, twin, without_dropout
from zoo.training.disk.kept import folders
from zoo.training.reader import Reader

NARROW = "parallel.gradient_dtype=bf16"
RUNS = {
    "one": (1, ("parallel.zero.stage=2",)),
    "zero-0": (2, ("parallel.zero.stage=0",)),
    "zero-1": (2, ("parallel.zero.stage=1",)),
    "narrow": (2, ("parallel.zero.stage=1", NARROW)),
}
MORE = {
    "one": (1, ("parallel.zero.stage=2",)),
    "zero-2": (2, ("parallel.zero.stage=2",)),
    "zero-3": (2, ("parallel.zero.stage=3",)),
    "narrow": (1, ("parallel.zero.stage=0", NARROW)),
}
TIED = {
    "one": (1, ("parallel.zero.stage=1",)),
    "pipeline": (2, ("parallel.pipeline.stages=2", "parallel.zero.stage=1")),
}


def moments(folder: Path) -> torch.Tensor:
    """SGD's first momentum: the gradient of the only step, all parameters of layers in a row.

    Under ZeRO 3 backward adds what reaches the embeddings in another order, in bf16 as ever.
    """
    reader = Reader(folders(folder)[0])
    keys = sorted(
        key
        for key in reader.shapes
        if key.startswith("momentum_buffer/") and re.search(r"\.(layer|h)\.", key)
    )
    return torch.cat([reader.whole(key).flatten() for key in keys])


def errors(kind: str, root: Path, runs: dict[str, tuple[int, tuple[str, ...]]]) -> dict[str, float]:
    """How far each run's gradient is from that of the first, relative to its norm."""
    path = twin(kind)
    words = [*SHORT, "run.steps=1", "run.precision=bf16", "run.batch=16", "run.micro_batch=1"]
    sgd = ['optimizer={"type": "SGD", "params": {"lr": 0.1, "momentum": 0.9}}']
    train_each(path, root, runs, *words, *without_dropout(path), *sgd)
    found = {name: moments(root / name) for name in runs}
    first = next(iter(found.values()))
    return {name: float((one - first).norm() / first.norm()) for name, one in found.items()}


@pytest.mark.ranks(2)
@pytest.mark.parametrize("runs", [RUNS, pytest.param(MORE, marks=pytest.mark.slow)])
def test_micro_batches_and_ranks_are_summed_in_fp32_unless_the_recipe_says_bf16(
    runs: dict[str, tuple[int, tuple[str, ...]]], tmp_path: Path
) -> None:
    found = errors("sequence-classification", tmp_path, runs)
    print(f"bf16 sums: {found}")
    assert found.pop("narrow") > 1e-3
    assert max(found.values()) < 1e-5
    norms = [rows(tmp_path / name)[0]["grad_norm"] for name in ("one", *found)]
    assert norms == pytest.approx([norms[0]] * len(norms), rel=1e-5), "not rounded for its norm"


@pytest.mark.slow
@pytest.mark.ranks(2)
def test_stages_add_up_what_they_share(tmp_path: Path) -> None:
    found = errors("causal-lm", tmp_path, TIED)
    print(f"bf16 sums: {found}")
    assert found["pipeline"] < 1e-3, "one process adds the two uses of a tied weight in bf16"
