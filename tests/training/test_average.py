"""A moving average of the weights: its values, the same on every layout, scored and exported."""

import math
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from tests.ranks import run_ranks
from tests.runs import LAYOUTS, SHORT, furthest, losses, rows, train, train_each, twin, with_dropout
from tests.training.conftest import Chosen
from zoo.engines.transforms import meta_model
from zoo.errors import ConfigError
from zoo.models.fill import NoWeights, fill
from zoo.recipe import load_recipe
from zoo.training.checks import ring_two
from zoo.training.evaluate import evaluate, export_folder
from zoo.training.reader import Reader

RECIPE = twin("sequence-classification")
STEPS, DECAY, WARMUP = 6, 0.9, 3
WORDS = (
    *(*SHORT, f"run.steps={STEPS}", "run.save_every=1", "run.keep=9", "run.eval_every=2"),
    *("run.batch=16", "run.micro_batch=8", "data.max_valid_examples=64"),
    *(f"optimizer.ema.decay={DECAY}", "optimizer.layer_decay=0.7"),
)
WARM = f"optimizer.ema.warmup_steps={WARMUP}"
QUICK = {"zero-3"}
WIDE = {"one": (1, ("parallel.zero.stage=0",))}
WIDE |= {name: LAYOUTS[name] for name in LAYOUTS if " x " not in name}


def saved(folder: Path, step: int = STEPS) -> dict[str, Tensor]:
    """All that a checkpoint holds, as whole tensors."""
    reader = Reader(folder / "checkpoints" / f"step-{step:08d}")
    return {key: reader.whole(key) for key in reader.shapes}


def furthest_apart(one: dict[str, Tensor], other: dict[str, Tensor], kinds: str = "") -> float:
    """The largest difference of what two checkpoints hold."""
    keys = [key for key in one if key.startswith(kinds)]
    assert one.keys() == other.keys() and keys
    return max(float((one[key].double() - other[key].double()).abs().max()) for key in keys)


@pytest.fixture(scope="module")
def made(chosen: Chosen, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """made(layout): the folder of a run on it; all that are asked for are trained at once."""
    root = tmp_path_factory.mktemp("average")
    names = {"one"} | {name for (name,) in [*chosen("layout"), *chosen("before"), *chosen("after")]}
    words = [*WORDS, WARM]
    train_each(RECIPE, root, {name: WIDE[name] for name in WIDE if name in names}, *words)
    return lambda layout: root / layout


def initial() -> dict[str, Tensor]:
    """The weights that every run starts from."""
    recipe = load_recipe(RECIPE, [*WORDS, WARM], tiny=True)
    model = meta_model(recipe, ring_two(recipe, 1).task)
    fill(model, recipe.run.seed, NoWeights(), torch.device("cpu"))
    return {name: parameter.detach() for name, parameter in model.named_parameters()}


def test_it_is_what_plain_torch_makes_of_the_weights_of_every_step(
    made: Callable[[str], Path],
) -> None:
    means = {name: tensor.double() for name, tensor in initial().items()}
    for step in range(1, STEPS + 1):
        found = saved(made("one"), step)
        d = DECAY * (1 - math.exp(-step / WARMUP))
        for name, mean in means.items():
            mean.mul_(d).add_(found[f"param/{name}"].double(), alpha=1 - d)
            assert (found[f"ema/{name}"] - mean).abs().max() < 1e-6, (step, name)


def test_what_is_scored_is_what_is_exported_and_not_what_is_trained(
    made: Callable[[str], Path],
) -> None:
    folder = made("one")
    found, model = saved(folder), load_file(folder / "model" / "model.safetensors")
    assert all(torch.equal(model[name], found[f"ema/{name}"]) for name in model)
    assert any(not torch.equal(model[name], found[f"param/{name}"]) for name in model)
    told = [row["valid/loss"] for row in rows(folder) if "valid/loss" in row][-1]
    for place in (folder, folder / "model"):
        assert abs(run_ranks(1, evaluate, place, "valid")[0]["valid/loss"] - told) < 1e-6


@pytest.mark.ranks(2)
@pytest.mark.parametrize(
    "layout",
    [pytest.param(n, marks=[] if n in QUICK else [pytest.mark.slow]) for n in WIDE if n != "one"],
)
def test_it_is_the_same_on_every_layout_and_no_score_moves_the_training(
    layout: str, made: Callable[[str], Path]
) -> None:
    assert furthest(losses(made(layout)), losses(made("one"))) < 1e-5
    assert furthest_apart(saved(made(layout)), saved(made("one")), "ema/") < 1e-6
    one, other = (
        [row["valid/loss"] for row in rows(made(name)) if "valid/loss" in row]
        for name in ("one", layout)
    )
    assert len(one) == STEPS // 2 and other == pytest.approx(one, rel=1e-5)


@pytest.mark.ranks(2)
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("zero-3", "one"),
        *(
            pytest.param(*pair, marks=pytest.mark.slow)
            for pair in [
                *(("zero-1", "zero-3"), ("zero-2", "pipeline-2"), ("pipeline-2", "zero-1")),
                *(("tensor-2", "zero-2"), ("zero-1", "one"), ("zero-3", "zero-3")),
            ]
        ),
    ],
)
def test_it_goes_on_in_another_layout(
    before: str, after: str, made: Callable[[str], Path], tmp_path: Path
) -> None:
    folder, (ranks, words) = tmp_path / "run", WIDE[after]
    shutil.copytree(made(before), folder)
    for step in range(4, STEPS + 1):
        shutil.rmtree(folder / "checkpoints" / f"step-{step:08d}")
    (folder / "latest").write_text("step-00000003\n")
    shutil.rmtree(folder / "model")
    train(ranks, RECIPE, folder, *WORDS, WARM, *words)
    assert furthest_apart(saved(made(before)), saved(folder)) <= (1e-6 if before != after else 0)


@pytest.mark.slow
@pytest.mark.ranks(2)
@pytest.mark.parametrize("stage", [0, 1, 3])
def test_a_run_in_bf16_trains_bit_by_bit_as_without_it(stage: int, tmp_path: Path) -> None:
    words = ["run.precision=bf16", f"parallel.zero.stage={stage}", *with_dropout(RECIPE)]
    words += [word for word in WORDS if not word.startswith("optimizer.ema")]
    train(2, RECIPE, tmp_path / "with", *words, "optimizer.ema.decay=0.9")
    train(2, RECIPE, tmp_path / "without", *words)
    assert losses(tmp_path / "with") == losses(tmp_path / "without")
    found = saved(tmp_path / "with")
    means = {key: found.pop(key) for key in list(found) if key.startswith("ema/")}
    assert furthest_apart(found, saved(tmp_path / "without")) == 0
    assert means and all(mean.dtype == torch.float32 for mean in means.values())


@pytest.mark.slow
@pytest.mark.ranks(2)
def test_running_statistics_are_the_models(tmp_path: Path) -> None:
    words = ["optimizer.ema.decay=0.9", *SHORT, "run.steps=4", "parallel.zero.stage=2"]
    train(2, twin("image-classification"), tmp_path / "run", *words)
    folder = tmp_path / "run"
    found, model = saved(folder, 4), load_file(folder / "model" / "model.safetensors")
    statistics = [key for key in found if key.startswith("buffer/")]
    assert statistics and not any(f"ema/{key.partition('/')[2]}" in found for key in statistics)
    assert all(torch.equal(model[key.partition("/")[2]], found[key]) for key in statistics)


def exported_mean(folder: Path, steps: Sequence[int], model: Path) -> None:
    """An exported model is the mean of the weights of these checkpoints, in fp64, and has the last
    one's buffers.
    """
    several, exported = [saved(folder, step) for step in steps], load_file(model)
    kinds = {name: {key.partition("/")[2]: one for key, one in several[-1].items()
                    if key.startswith(name)} for name in ("param/", "buffer/")}  # fmt: skip
    assert exported.keys() == kinds["param/"].keys() | kinds["buffer/"].keys()
    assert all(torch.equal(exported[name], one) for name, one in kinds["buffer/"].items())
    for name, last in kinds["param/"].items():
        mean = torch.stack([one[f"param/{name}"].double() for one in several]).mean(0)
        assert (exported[name].double() - mean).abs().max() < 1e-7, name
        assert last.numel() < 100 or not torch.equal(exported[name], last), name


def test_the_newest_checkpoints_are_exported_as_their_mean(tmp_path: Path) -> None:
    folder, words = tmp_path / "run", ["run.steps=4", "run.save_every=1", "run.keep=3"]
    words += ["run.batch=8", "run.micro_batch=8", "run.export=average-3"]
    train(1, twin("image-classification"), folder, *SHORT, *words)
    exported_mean(folder, (2, 3, 4), folder / "model" / "model.safetensors")
    card = (folder / "model" / "README.md").read_text()
    assert "after steps 2, 3, 4" in card and "Scores (not evaluated)" in card
    [out] = run_ranks(1, export_folder, folder, tmp_path / "two", False, 2)
    exported_mean(folder, (3, 4), out / "model.safetensors")
    with pytest.raises(ConfigError, match=r"run\.keep: found 3 with export average-5"):
        export_folder(folder, tmp_path / "five", False, 5)
