"""Ranks that hold one model together decode a row once, and learn what one process does."""

from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.parity import BAR, settings
from tests.ranks import run_ranks
from tests.runs import CATALOG, LAYOUTS, furthest, losses, rows, run_twin
from zoo.data.loading import loader

VIT = CATALOG / "vision/vit-base-imagenet.json"
STEPS, SCORED = 4, 24


def counting_run(path: Path, words: list[str]) -> tuple[int, int, int]:
    """A run, and how many rows this rank has decoded to train and to score."""
    decoded, example = {True: 0, False: 0}, loader.MicroBatches._example

    def counted(self: Any, row: int, seeds: list[int]) -> Any:
        decoded[self.training] += 1
        return example(self, row, seeds)

    loader.MicroBatches._example = counted  # type: ignore[method-assign]
    return run_twin(path, words), decoded[True], decoded[False]


def counted(name: str, root: Path) -> tuple[list[tuple[int, int]], dict[int, float], Any]:
    """By rank how many rows it decoded; the losses and the scores of the run."""
    world, layout = LAYOUTS.get(name, (1, ()))
    words = [*settings(VIT), *layout, f"run.steps={STEPS}", f"run.eval_every={STEPS}"]
    words += [f"data.max_valid_examples={SCORED}", f"run.folder={root / name}"]
    found = run_ranks(world, counting_run, VIT, words)
    assert [code for code, *_ in found] == [0] * world
    scores = next(row for row in rows(root / name) if "valid/loss" in row)
    return [(trained, scored) for _, trained, scored in found], losses(root / name), scores


@pytest.mark.ranks(8)
@pytest.mark.parametrize(
    "name",
    [
        "pipeline-2 x tensor-2",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("pipeline-2", "tensor-2", "pipeline-2 x tensor-2 x data-2")
        ),
    ],
)
def test_rows_are_decoded_once_per_data_rank_and_nothing_else_changes(
    name: str, tmp_path: Path
) -> None:
    [(trained, scored)], whole, scores = counted("one", tmp_path)
    assert trained and scored >= SCORED
    shared, found, theirs = counted(name, tmp_path)
    readers = [one for one in shared if one != (0, 0)]
    assert len(readers) == (2 if "data" in name else 1)
    assert sum(count for count, _ in readers) == trained
    assert all(count >= SCORED // len(readers) for _, count in readers)
    assert furthest(found, whole) < BAR
    assert abs(theirs["valid/loss"] - scores["valid/loss"]) < 1e-4 * scores["valid/loss"]
