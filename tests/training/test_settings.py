"""Optimizers, precisions and what else a recipe may switch: each trains, alike on every stage."""

import json
from pathlib import Path

import pytest

from tests.ranks import run_ranks
from tests.runs import (
    SHORT,
    furthest,
    losses,
    rows,
    run_twin,
    train,
    train_each,
    twin,
    without_dropout,
)

RECIPE = twin("sequence-classification")
BRIEF = (*SHORT, "run.steps=6", "optimizer.params.weight_decay=0.1")
ELEMENTWISE = {
    "SGD": '{"lr": 0.1, "momentum": 0.9}',
    "Adam": '{"lr": 0.001, "adam_w_mode": false}',
    "Lion": '{"lr": 0.0003, "weight_decay": 0.1}',
    "Adagrad": '{"lr": 0.01}',
}
WHOLE_MATRICES = {"Lamb": '{"lr": 0.01}', "Muon": '{"lr": 0.02}'}


def stages(*numbers: int) -> dict[str, tuple[int, tuple[str, ...]]]:
    """Runs of two processes under stages of ZeRO, by the stage's digit."""
    return {str(number): (2, (f"parallel.zero.stage={number}",)) for number in numbers}


def optimizer(kind: str, params: str) -> tuple[str, str]:
    """The words that choose an optimizer."""
    return f"optimizer.type={kind}", f"optimizer.params={params}"


@pytest.mark.ranks(2)
@pytest.mark.parametrize("kind", ELEMENTWISE)
def test_an_elementwise_optimizer_is_the_same_on_partitions(kind: str, tmp_path: Path) -> None:
    words = (*SHORT, "run.steps=6", *optimizer(kind, ELEMENTWISE[kind]))
    train_each(RECIPE, tmp_path, {"0": (1, ()), **stages(2, 3)}, *words)
    for stage in (2, 3):
        assert furthest(losses(tmp_path / str(stage)), losses(tmp_path / "0")) < 1e-4
    assert losses(tmp_path / "0")[6] != losses(tmp_path / "0")[1]


@pytest.mark.ranks(2)
@pytest.mark.parametrize("kind", WHOLE_MATRICES)
def test_an_optimizer_of_whole_matrices_trains_and_resumes_exactly(
    kind: str, tmp_path: Path
) -> None:
    words = (*SHORT, *optimizer(kind, WHOLE_MATRICES[kind]), "parallel=zero-0")
    words += ("optimizer.scheduler=false", "run.save_every=3")
    runs = {"plain": (2, ("run.steps=6",)), "cut": (2, ("run.steps=3",))}
    train_each(RECIPE, tmp_path, runs, *words)
    train(2, RECIPE, tmp_path / "cut", *words, "run.steps=6")
    assert losses(tmp_path / "cut") == losses(tmp_path / "plain")


@pytest.mark.ranks(2)
def test_the_gradient_norm_is_the_same_at_every_stage(tmp_path: Path) -> None:
    norms = {}
    train_each(RECIPE, tmp_path, stages(0, 1, 2, 3), *BRIEF)
    for stage in (0, 1, 2, 3):
        found = rows(tmp_path / str(stage))
        norms[stage] = [row["grad_norm"] for row in found if "grad_norm" in row]
    for stage in (1, 2, 3):
        assert norms[stage] == pytest.approx(norms[0], rel=1e-4)
    assert min(norms[0]) > 0


@pytest.mark.ranks(2)
def test_stages_may_have_different_numbers_of_optimizer_groups(tmp_path: Path) -> None:
    words = (*BRIEF, 'optimizer.groups={"*.layer.0.*": {"lr": 1e-4}}', "optimizer.layer_decay=0.8")
    cut = ("parallel.pipeline.stages=2", "parallel.zero.stage=1")
    train_each(
        RECIPE, tmp_path, {"one": (1, ()), "cut": (2, cut)}, *words, *without_dropout(RECIPE)
    )
    one, found = rows(tmp_path / "one"), rows(tmp_path / "cut")
    norms = [[row["grad_norm"] for row in some if "grad_norm" in row] for some in (one, found)]
    assert norms[1] == pytest.approx(norms[0], rel=1e-4)
    assert furthest(losses(tmp_path / "cut"), losses(tmp_path / "one")) < 1e-5


@pytest.mark.ranks(2)
def test_bf16_trains_alike_at_every_stage_and_resumes(tmp_path: Path) -> None:
    words = (*SHORT, "run.steps=6", "run.precision=bf16", "run.save_every=3", "run.keep=9")
    train_each(RECIPE, tmp_path, stages(0, 1, 3), *words)
    for stage in (0, 1, 3):
        assert furthest(losses(tmp_path / str(stage)), losses(tmp_path / "0")) < 3e-2


def test_gradient_checkpointing_changes_no_loss(tmp_path: Path) -> None:
    runs = {"plain": (1, ()), "less": (1, ("parallel.gradient_checkpointing=true",))}
    train_each(RECIPE, tmp_path, runs, *BRIEF)
    assert furthest(losses(tmp_path / "less"), losses(tmp_path / "plain")) < 1e-5


@pytest.mark.ranks(2)
def test_a_loss_that_is_not_finite_stops_with_3_and_keeps_what_was_saved(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    words = [f"run.folder={folder}", *SHORT, "run.save_every=1", "optimizer.gradient_clipping=0"]
    words += [*optimizer("SGD", '{"lr": 1e30}'), "optimizer.scheduler=false"]
    assert run_ranks(2, run_twin, RECIPE, words) == [3, 3]
    status = json.loads((folder / "status.json").read_text())
    assert status["state"] == "failed" and status["exit_code"] == 3
    assert (folder / "latest").read_text().strip() == f"step-{len(losses(folder)):08d}"
    assert all(abs(row["loss"]) < float("inf") for row in rows(folder) if "loss" in row)


def test_keep_holds_the_newest_and_the_best(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    words = (*SHORT, "data.max_valid_examples=8", "run.save_every=2", "run.eval_every=4")
    train(1, RECIPE, folder, *words, "run.keep=1")
    kept = {path.name for path in (folder / "checkpoints").iterdir()}
    assert kept == {"step-00000020", (folder / "best").read_text().strip()}


@pytest.mark.ranks(2)
def test_frozen_parameters_stay_and_are_saved(tmp_path: Path) -> None:
    from safetensors.torch import load_file

    words = (*SHORT, 'model.freeze=["bert.embeddings.*"]')
    frozen = {}
    runs = {str(steps): (2, (f"run.steps={steps}",)) for steps in (1, 5)}
    train_each(RECIPE, tmp_path, runs, *words, "parallel.zero.stage=3")
    for steps in (1, 5):
        tensors = load_file(tmp_path / str(steps) / "model" / "model.safetensors")
        frozen[steps] = {n: t for n, t in tensors.items() if n.startswith("bert.embeddings.")}
    assert frozen[1] and all((frozen[5][n] == t).all() for n, t in frozen[1].items())


@pytest.mark.ranks(2)
@pytest.mark.parametrize(
    "kind", [pytest.param("image-classification", marks=pytest.mark.slow), "ctc"]
)
@pytest.mark.parametrize(
    "how", [pytest.param("zero.stage=3", marks=pytest.mark.slow), "pipeline.stages=2"]
)
def test_batch_norm_trains_in_bf16_like_in_fp32(kind: str, how: str, tmp_path: Path) -> None:
    words = (*SHORT, "run.steps=6", "parallel.zero.stage=1", f"parallel.{how}")
    runs = {"fp32": (2, ()), "bf16": (2, ("run.precision=bf16",))}
    train_each(twin(kind), tmp_path, runs, *words)
    assert furthest(losses(tmp_path / "bf16"), losses(tmp_path / "fp32")) < 0.02
    assert (tmp_path / "bf16" / "model" / "model.safetensors").is_file()
