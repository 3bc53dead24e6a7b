"""Classifications of other labels than one class: every layout computes what one process does."""

from pathlib import Path

import pytest

from tests.ranks import run_ranks
from tests.runs import LAYOUTS, SHORT, furthest, losses, rows, run_twin, train_each, twin
from zoo.training.evaluate import evaluate

TEXT, IMAGE = "sequence-classification", "image-classification"
WEIGHTS = f"task.class_weights={[3, *[1] * 14, 2]}"
VARIANTS = {
    "regression": (TEXT, ["task.problem=regression"]),
    "multi-label": (TEXT, ["task.problem=multi-label"]),
    "class weights": (TEXT, [WEIGHTS, "task.label_smoothing=0.1"]),
    "regression of images": (IMAGE, ["task.problem=regression", "optimizer.params.lr=5e-4"]),
    "several classes of mixed images": (
        IMAGE,
        ["task.problem=multi-label", "task.augment.mixup=0.2", "optimizer.params.lr=5e-4"],
    ),
}
QUICK = {"zero-3": LAYOUTS["zero-3"]}
REST = ("data-2", "zero-1", "zero-2", "zero-3", "pipeline-2")
SCORED = ["run.eval_every=20", "data.max_valid_examples=37"]
"""An odd number of rows: ranks pad, and what is padding is no record."""


def compare(name: str, layouts: dict[str, tuple[int, tuple[str, ...]]], folder: Path) -> None:
    """Trains and scores a variant's twin in one process and in each of these layouts."""
    kind, words = VARIANTS[name]
    common = [*SHORT, "run.batch=8", "run.micro_batch=4", *words, *SCORED]
    train_each(twin(kind), folder, {"one": (1, ()), **layouts}, *common)
    one, curve = rows(folder / "one")[-1], losses(folder / "one")
    found = {layout: furthest(losses(folder / layout), curve) for layout in layouts}
    print(f"parity {name}: {found}")
    assert max(found.values()) < 1e-4, found
    if kind == IMAGE:  # ResNet's BatchNorm is local: of what it has seen each rank knows a part
        return
    for layout in layouts:
        scores = rows(folder / layout)[-1]
        assert scores == pytest.approx(one, rel=1e-3, abs=1e-3, nan_ok=True), layout


@pytest.mark.ranks(2)
def test_zero_3_gives_the_losses_and_scores_of_one_process(tmp_path: Path) -> None:
    compare("regression", QUICK, tmp_path)


@pytest.mark.slow
@pytest.mark.ranks(2)
@pytest.mark.parametrize("name", VARIANTS)
def test_every_layout_gives_the_losses_and_scores_of_one_process(name: str, tmp_path: Path) -> None:
    compare(name, {layout: LAYOUTS[layout] for layout in REST}, tmp_path)


LEARNED = {
    "regression": ("pearson", 0.97),
    "multi-label": ("micro_f1", 0.75),
    "regression of images": ("pearson", 0.9),
    "several classes of mixed images": ("micro_f1", 0.9),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", LEARNED)
def test_a_twin_learns_and_its_export_scores_the_same(name: str, tmp_path: Path) -> None:
    kind, words = VARIANTS[name]
    folder, (score, least) = tmp_path / "run", LEARNED[name]
    words = [f"run.folder={folder}", "run.report_to=[]", *words]
    assert run_ranks(1, run_twin, twin(kind), words, timeout=1200) == [0]
    scored = next(row for row in reversed(rows(folder)) if "valid/loss" in row)
    assert scored[f"valid/{score}"] >= least
    again = run_ranks(1, evaluate, folder / "model", "valid")[0]
    assert again == pytest.approx({key: scored[key] for key in again}, abs=1e-6)
