"""What `zoo compat` allows really trains, and what it refuses really fails or is wrong."""

import math
import re
import traceback
import zlib
from collections.abc import Callable, Sequence
from functools import cache
from itertools import cycle, islice, pairwise
from pathlib import Path
from typing import Any

import pytest
import torch

import zoo.recipe.checks.rules
from tests.benchmarks.parity import BAR, moments, refusal, settings
from tests.ranks import run_ranks
from tests.runs import TWINS, furthest, losses, rows, run_twin, train_each, twin
from zoo.engines.update.algorithms import Elementwise, Lamb, Muon
from zoo.recipe import load_recipe
from zoo.recipe.checks.rules import RULES
from zoo.recipe.checks.rules.compression import COMPRESSION_RULES
from zoo.recipe.checks.rules.schedule import SCHEDULE_RULES
from zoo.recipe.compat import Cell, matrix, strategies
from zoo.recipe.derived.batching import layout_of
from zoo.recipe.derived.deepspeed import deepspeed_config
from zoo.recipe.vocabulary.optimizers import OPTIMIZERS

RECIPE = twin("sequence-classification")
STAGES = "parallel.pipeline.stages=2"
ZERO = "parallel.zero."
BF16 = "run.precision=bf16"


def brief(path: Path, steps: int = 3) -> list[str]:
    """A few steps at the full rate, without dropout."""
    return [*settings(path), f"run.steps={steps}", "optimizer.scheduler=false"]


# --- what is allowed trains ---


judged = cache(matrix)


def unseen(kind: str, strategy: str) -> list[Cell]:
    """The allowed cells of a twin that no other test trains: no fp16, which few CPUs have.

    Optimizers that send less than whole gradients are another mathematics on several ranks.
    """
    found = judged(str(twin(kind)), tiny=True)
    return [
        cell
        for cell in found.cells
        if not cell.reasons
        and cell.strategy == strategy
        and cell.precision != "fp16"
        and not OPTIMIZERS[cell.optimizer].averages_itself
        and (cell.optimizer, cell.precision) != ("AdamW", "fp32")
        and not (kind == "sequence-classification" and strategy.startswith("zero-"))
    ]


def lot(*words: str) -> int:
    """A fixed random number: a new optimizer or layout changes only the draws that it wins."""
    return zlib.crc32(" ".join(words).encode())


def sampled(count: int) -> list[tuple[str, Cell]]:
    """A fixed random choice in which tasks and strategies take turns."""
    kinds, layouts = sorted(TWINS), sorted(strategies(str(RECIPE)), key=lot)
    turns = islice(zip(cycle(kinds), cycle(layouts), strict=False), count)
    return [
        (kind, min(cells, key=lambda cell: lot(kind, one, cell.precision, cell.optimizer)))
        for kind, one in turns
        if (cells := unseen(kind, one))
    ]


def name_of(case: tuple[str, Cell]) -> str:
    """A case in the words of the command line."""
    return f"{case[0]} {case[1].strategy} {case[1].precision} {case[1].optimizer}"


CASES = sampled(30)
QUICK = [case for case in CASES if case[1].precision == "fp32"][:2]


def marks_of(case: tuple[str, Cell]) -> list[pytest.MarkDecorator]:
    """Not slow are two cells, in the precision that CPUs are quick in."""
    return [pytest.mark.slow] * (case not in QUICK)


SAMPLE = [pytest.param(*case, id=name_of(case), marks=marks_of(case)) for case in CASES]


@pytest.mark.ranks(4)
@pytest.mark.parametrize(("kind", "cell"), SAMPLE)
def test_what_is_allowed_trains_like_one_process(kind: str, cell: Cell, tmp_path: Path) -> None:
    path = twin(kind)
    words = [*brief(path), *cell.words]
    recipe = load_recipe(path, words, tiny=True)
    world = layout_of(recipe).world
    world *= 2 if world < 4 and recipe.parallel.zero["stage"] else 1
    if reason := refusal(path, words, world):
        assert re.fullmatch(r"parallel\.(pipeline\.stages|tensor): \d for \d .*", reason), reason
        pytest.skip(reason)  # the twin is too small
    runs = {"cut": (world, ()), "one": (1, ("parallel=zero-0", "run.precision=fp32"))}
    train_each(path, tmp_path, runs, *words)
    found = losses(tmp_path / "cut")
    assert all(math.isfinite(loss) for loss in found.values()) and len(found) == 3
    assert len(set(found.values())) == 3, "nothing was learned"
    assert furthest(found, losses(tmp_path / "one")) < (BAR if cell.precision == "fp32" else 3e-2)


# --- what is refused fails upstream, or is silently wrong ---


def unruled(path: Path, words: Sequence[str]) -> str:
    """`zoo train --tiny` as if there were no rules: what it raises, or nothing."""
    zoo.recipe.checks.rules.RULES = ()
    try:
        run_twin(path, words)
    except Exception:
        return traceback.format_exc()
    return ""


def attempt(world: int, folder: Path, *words: str, steps: int = 3) -> str:
    """The same in `world` processes on the first text recipe; what one of them raised."""
    everything = [f"run.folder={folder}", *brief(RECIPE, steps), *words]
    return max(run_ranks(world, unruled, RECIPE, everything))


def norms(folder: Path) -> list[float]:
    """The gradient norm by step."""
    return [row["grad_norm"] for row in rows(folder) if "grad_norm" in row]


@pytest.mark.ranks(2)
@pytest.mark.parametrize("stage", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_a_pipeline_under_zero_2_and_3_fails_in_deepspeed(stage: int, tmp_path: Path) -> None:
    raised = attempt(2, tmp_path, STAGES, f"{ZERO}stage={stage}")
    assert "AssertionError" in raised and "deepspeed/runtime" in raised
    assert stage == 3 or "ZeRO-2 and ZeRO-3 are incompatible with pipeline" in raised


@pytest.mark.ranks(2)
def test_a_pipeline_in_bf16_without_zero_hides_its_masters_and_moments(tmp_path: Path) -> None:
    largest = {}
    for stage in (0, 1):
        folder = tmp_path / str(stage)
        assert not attempt(2, folder, STAGES, f"{ZERO}stage={stage}", BF16, steps=1)
        kinds = moments(folder).values()
        largest[stage] = max(float(t.abs().max()) for kind in kinds for t in kind.values())
    assert largest[0] == 0 and largest[1] > 0


@pytest.mark.ranks(2)
def test_tensor_ranks_in_bf16_without_zero_give_another_norm_of_the_same_gradient(
    tmp_path: Path,
) -> None:
    for stage in (0, 1):
        words = ("parallel.tensor=2", f"{ZERO}stage={stage}", BF16)
        assert not attempt(2, tmp_path / str(stage), *words, steps=1)
    first = {stage: norms(tmp_path / str(stage))[0] for stage in (0, 1)}
    assert losses(tmp_path / "0") == losses(tmp_path / "1")
    assert abs(first[0] - first[1]) > 1e-4 * first[1]


def test_lamb_on_flat_partitions_is_silently_another_algorithm(tmp_path: Path) -> None:
    for stage in (0, 1):
        words = ("optimizer.type=Lamb", "optimizer.params.lr=0.01", f"{ZERO}stage={stage}")
        assert not attempt(1, tmp_path / str(stage), *words)
    assert furthest(losses(tmp_path / "1"), losses(tmp_path / "0")) > 10 * BAR


def test_muon_on_flat_partitions_finds_no_matrix(tmp_path: Path) -> None:
    words = ("optimizer.type=Muon", "optimizer.params.lr=0.01", f"{ZERO}stage=1")
    assert "IndexError: Dimension out of range" in attempt(1, tmp_path, *words)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (Lamb, {"betas": (0.9, 0.999), "eps": 1e-6, "bias_correction": True}),
        (Muon, {"momentum": 0.95, "nesterov": True, "ns_steps": 5, "use_muon": True}),
    ],
)
def test_slices_of_a_matrix_take_another_step_than_the_matrix(
    kind: Callable[..., Elementwise], options: dict[str, Any]
) -> None:
    torch.manual_seed(0)
    value, grad = torch.randn(16, 16), torch.randn(16, 16)
    value[:8] *= 3  # slices of a trained matrix are not alike
    bounds = {"min_coeff": 0.01, "max_coeff": 10.0} if kind is Lamb else {}

    def stepped(parts: list[slice]) -> torch.Tensor:
        held = [torch.nn.Parameter(value[part].clone()) for part in parts]
        for parameter, part in zip(held, parts, strict=True):
            parameter.grad = grad[part].clone()
        kind(held, lr=0.1, weight_decay=0.0, **options, **bounds).step()
        return torch.cat([parameter.detach() for parameter in held]) - value

    whole, cut = (
        stepped([slice(a, b) for a, b in pairwise(ends)]) for ends in ((0, 16), (0, 8, 16))
    )
    assert float((whole - cut).norm() / whole.norm()) > 0.1


WHOLE_FAMILIES = {
    "stages of a whole family": [
        "model.config.model_type=albert",
        "model.config.hidden_size=64",
        "model.config.num_attention_heads=4",
        "parallel=pipeline-2-zero-1",
    ],
    "slices of a whole family": ["parallel.tensor=2"],
}


@pytest.mark.parametrize("name", WHOLE_FAMILIES)
def test_the_model_itself_refuses_what_the_table_of_families_refuses(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    slices = name.startswith("slices")
    path = twin("image-classification") if slices else RECIPE
    words = [*WHOLE_FAMILIES[name], "run.precision=fp32"]
    first = refusal(path, words, 2)
    monkeypatch.setattr(zoo.recipe.checks.rules, "RULES", ())
    assert first is not None and refusal(path, words, 2) == first


# --- DeepSpeed alone: one linear layer, the configuration that the recipe would give ---


def wrapped(several: Sequence[Sequence[str]], ours: bool) -> list[list[str]]:
    """The optimizer classes that DeepSpeed's engine makes of each recipe, outermost first."""
    import deepspeed

    from zoo.engines.upstream import quiet_deepspeed

    zoo.recipe.checks.rules.RULES = ()
    quiet_deepspeed()
    deepspeed.init_distributed(auto_mpi_discovery=False, verbose=False)
    found = []
    for words in several:
        recipe = load_recipe(RECIPE, [*words, "optimizer.gradient_clipping=0"], tiny=True)
        config, model = deepspeed_config(recipe, layout_of(recipe)), torch.nn.Linear(4, 4)
        if not ours:
            config["optimizer"] = recipe.optimizer.model_dump(include={"type", "params"})
        engine, *_ = deepspeed.initialize(
            model=model,
            optimizer=torch.optim.AdamW(model.parameters()) if ours else None,
            model_parameters=model.parameters(),
            config=config,
        )
        made: Any = engine.optimizer
        found.append([type(one).__name__ for one in (made, getattr(made, "optimizer", 0)) if one])
    return found


def engines_of(*several: Sequence[str], ours: bool = True) -> list[list[str]]:
    """`wrapped` in a process of its own."""
    found: list[list[str]] = run_ranks(1, wrapped, several, ours)[0]
    return found


OFFLOAD = f"{ZERO}offload_optimizer.device=cpu"


def test_offload_without_partitions_is_silently_no_offload() -> None:
    optimizer, parameters, without = engines_of(
        [f"{ZERO}stage=0", OFFLOAD],
        [f"{ZERO}stage=2", f"{ZERO}offload_param.device=cpu"],
        [f"{ZERO}stage=2"],
    )
    assert optimizer == ["AdamW"]
    assert parameters == without == ["DeepSpeedZeroOptimizer", "AdamW"]


@pytest.mark.slow
def test_nvme_below_stage_3_is_silently_memory(tmp_path: Path) -> None:
    place = f"{ZERO}offload_optimizer.nvme_path={tmp_path / 'nvme'}"
    words = (f"{ZERO}stage=2", f"{ZERO}offload_optimizer.device=nvme", place)
    assert not attempt(1, tmp_path / "run", *words, steps=1)
    assert not (tmp_path / "nvme").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((f"{ZERO}stage=2", OFFLOAD, f"{ZERO}zenflow.topk_ratio=0.2"), "must be a mapping"),
        ((f"{ZERO}stage=3", OFFLOAD, f"{ZERO}offload_optimizer.super_offload=true"), "SuperOff"),
    ],
    ids=["zenflow", "super_offload"],
)
def test_optimizers_that_deepspeed_builds_itself_take_no_instance(
    words: tuple[str, ...], message: str
) -> None:
    with pytest.raises(AssertionError, match=message):
        engines_of(words)


@pytest.mark.slow
@pytest.mark.ranks(2)
@pytest.mark.parametrize(
    "key",
    ["zero_quantized_weights=true", "zero_quantized_gradients=true", "zero_hpz_partition_size=2"],
)
def test_zero_plus_plus_below_stage_3_is_silently_nothing(key: str, tmp_path: Path) -> None:
    words = (f"{ZERO}stage=2", f"{ZERO}{key}")
    assert not attempt(2, tmp_path / "with", *words)
    assert not attempt(2, tmp_path / "without", words[0])
    assert losses(tmp_path / "with") == losses(tmp_path / "without")


@pytest.mark.slow
def test_without_compute_grad_norm_the_norm_is_logged_as_0(tmp_path: Path) -> None:
    words = (f"{ZERO}stage=1", f"{ZERO}compute_grad_norm=false", "optimizer.gradient_clipping=0")
    assert not attempt(1, tmp_path, *words, steps=1)
    assert norms(tmp_path) == [0.0]


@pytest.mark.slow
def test_deepspeed_ignores_adam_w_mode_of_adamw() -> None:
    plain = ("optimizer.params.adam_w_mode=false", "optimizer.params.torch_adam=true")
    words = [
        (f"{ZERO}stage=0", f"optimizer.type={name}", "optimizer.params.lr=0.1", *plain)
        for name in ("AdamW", "Adam")
    ]
    assert engines_of(*words, ours=False) == [["AdamW"], ["Adam"]]


def test_torch_refuses_nesterov_without_momentum() -> None:
    with pytest.raises(ValueError, match="Nesterov momentum requires a momentum"):
        torch.optim.SGD(torch.nn.Linear(1, 1).parameters(), lr=0.1, nesterov=True)


def test_muons_two_default_rates_differ_by_a_factor_of_67() -> None:
    import deepspeed

    file = Path(deepspeed.__file__).parent / "runtime" / "zero" / "muon" / "original_muon.py"
    text = file.read_text(encoding="utf-8")
    assert 'group.get("lr", 0.02)' in text and 'group.get("lr", 3e-4)' in text
    assert round(0.02 / 3e-4) == 67


# flash attention: its kernels exist on GPUs only, where transformers warns of fp32.
SHOWN = {
    "gradients of a pipeline",
    "masters of a pipeline",
    "norm of slices",
    "whole matrices",
    "matrices, not slices",
    "optimizer offload",
    "parameter offload",
    "optimizer state in memory",
    "parameters in memory",
    "own optimizers",
    "ZeRO++",
    "gradient norm",
    "Adam's decay",
    "nesterov",
    "learning rate",
    *WHOLE_FAMILIES,
}


def test_every_rule_of_layouts_and_optimizers_is_shown_above() -> None:
    elsewhere = {rule.name for rule in COMPRESSION_RULES}  # tests/compression
    elsewhere |= {"stages of a whole task"}  # tests/tasks: no kind of today is one
    elsewhere |= {rule.name for rule in SCHEDULE_RULES} | {"a group's name"}  # tests/recipe
    elsewhere |= {"narrow sums"}  # tests/engines
    elsewhere |= {"average of weights", "moments of another run"}  # test_average, test_moments
    about = {rule.name for rule in RULES if rule.key.split(".")[0] in ("parallel", "optimizer")}
    assert about - elsewhere == SHOWN
