"""Compressed optimizers and compressors through the engine: learning, bytes, and resuming."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.benchmarks.parity import refusal
from tests.ranks import run_ranks
from tests.runs import (
    CATALOG,
    SHORT,
    furthest,
    losses,
    rows,
    train,
    train_all,
    train_each,
    twin,
)
from tests.training.conftest import Chosen
from zoo.recipe import load_recipe
from zoo.training.disk.kept import folders
from zoo.training.loop import Fit, Stopped
from zoo.training.reader import Reader
from zoo.training.run import run

PATH = twin("causal-lm")
SMALL = (
    *SHORT,
    *("model.config.n_embd=32", "model.config.n_layer=1", "task.sequence_length=32"),
    *("run.batch=16", "run.micro_batch=4", "run.save_every=10", "run.keep=9"),
    *("parallel.zero.stage=0", "optimizer.scheduler=false", "optimizer.params.lr=5e-3"),
)
FREEZE = "optimizer.params.freeze_step=6"
# Long enough for the variance to settle: else two trajectories part.
COSINE = {
    "type": "WarmupCosineLR",
    "params": {"warmup_num_steps": 10, "warmup_type": "log", "cos_min_ratio": 0.1},
}
LONG = (
    *("run.steps=240", "run.save_every=120", "run.eval_every=10", "run.keep=99"),
    *("data.max_valid_examples=4", "run.eval_micro_batch=32"),
    *("optimizer.params.lr=2e-3", "optimizer.scheduler=" + json.dumps(COSINE)),
)
SWITCH, LATER = 120, (10, 50, 100)
SGD = {"type": "SGD", "params": {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01}}
SGD_WORDS = ("optimizer=" + json.dumps(SGD | {"gradient_clipping": 1.0}),)
KIND = "parallel.compression.kind"
START = "parallel.compression.start=6"
HOW: dict[str, tuple[str, ...]] = {
    "OneBitAdam": ("optimizer.type=OneBitAdam", FREEZE),
    "OneBitAdam in bf16": ("optimizer.type=OneBitAdam", FREEZE, "run.precision=bf16"),
    **{
        f"OneBitAdam, ZeRO 1, {codec}": (
            *("optimizer.type=OneBitAdam", FREEZE, "parallel.zero.stage=1"),
            f"optimizer.params.parameter_codec={codec}",
        )
        for codec in ("bf16", "int8", "sign")
    },
    "ZeroOneAdam": (
        *("optimizer.type=ZeroOneAdam", "optimizer.params.var_freeze_step=6"),
        *("optimizer.params.local_step_scaler=2", "optimizer.params.local_step_clipper=4"),
    ),
    "OneBitLamb": ("optimizer.type=OneBitLamb", FREEZE),
    "int8": (f"{KIND}=int8",),
    "int4": (f"{KIND}=int4", START),
    "power-sgd": (f"{KIND}=power-sgd", START),
    "power-sgd with SGD": (*SGD_WORDS, f"{KIND}=power-sgd", START),
    "top-k": (f"{KIND}=top-k", START, "parallel.compression.ratio=0.05"),
    "top-k with SGD": (*SGD_WORDS, f"{KIND}=top-k", START),
    "local-sgd": (f"{KIND}=local-sgd", START, "parallel.compression.every=4"),
    "DiLoCo": (
        *(f"{KIND}=local-sgd", START, "parallel.compression.every=4"),
        *("parallel.compression.outer_lr=0.7", "parallel.compression.outer_momentum=0.5"),
    ),
}


def words(name: str) -> list[str]:
    """The changes of a way to exchange; parameters after the type that they belong to."""
    how = sorted(HOW[name], key=lambda word: not word.startswith("optimizer"))
    types = [word for word in how if word.startswith(("optimizer.type", "optimizer={"))]
    rest = [word for word in how if word not in types]
    sgd = any(word.startswith("optimizer={") for word in types)
    small = [word for word in SMALL if not (sgd and word.startswith("optimizer."))]
    return [*types, *small, *rest]


def forget_from(folder: Path, step: int) -> None:
    """Removes the checkpoints of a step and of later ones."""
    for one in (folder / "checkpoints").iterdir():
        if int(one.name.partition("-")[2]) >= step:
            shutil.rmtree(one)


def resumed(
    world: int, name: str, whole: Path, folder: Path, last: int = 20, *more: str
) -> dict[int, float]:
    """The losses of a run that goes on from the checkpoint of another before step `last`."""
    shutil.copytree(whole, folder)
    forget_from(folder, last)
    shutil.rmtree(folder / "model")
    train(world, PATH, folder, *words(name), *more)
    return losses(folder)


QUICK = {"OneBitAdam in bf16", "OneBitAdam, ZeRO 1, sign", "ZeroOneAdam", "top-k with SGD"}


@pytest.fixture(scope="module")
def whole_run(chosen: Chosen, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """whole_run(name): the folder of an undisturbed run of two processes.

    All that the tests chosen for this session ask for are trained at once.
    """
    root = tmp_path_factory.mktemp("whole")
    train_all((2, PATH, root / name, words(name)) for (name,) in chosen("undisturbed"))
    return lambda name: root / name


@pytest.mark.ranks(2)
@pytest.mark.parametrize(
    "undisturbed", [pytest.param(n, marks=[] if n in QUICK else [pytest.mark.slow]) for n in HOW]
)
def test_a_run_goes_on_bit_by_bit_while_it_compresses(
    undisturbed: str, whole_run: Callable[[str], Path], tmp_path: Path
) -> None:
    whole = whole_run(undisturbed)
    assert losses(whole)[20] < losses(whole)[1]
    assert all("sent_bytes" in row for row in rows(whole) if "loss" in row)
    assert resumed(2, undisturbed, whole, tmp_path / "resumed") == losses(whole)


@pytest.mark.ranks(2)
@pytest.mark.parametrize("undisturbed", ["OneBitAdam in bf16"])
def test_rows_tell_what_the_floor_of_the_frozen_denominator_did(
    undisturbed: str, whole_run: Callable[[str], Path]
) -> None:
    whole = whole_run(undisturbed)
    found = [row for row in rows(whole) if "loss" in row]
    told = {row["step"]: row["frozen_lifted"] for row in found if "frozen_lifted" in row}
    assert set(told) == {row["step"] for row in found if row["compression"] > 10}
    assert len(set(told.values())) == 1
    reader = Reader(folders(whole)[0])
    variances = [reader.whole(key) for key in reader.shapes if key.startswith("exp_avg_sq/")]
    still = sum(int((one == 0).sum()) for one in variances)
    assert 0 < still == found[-1]["frozen_masked"]
    assert still < told[20] < sum(one.numel() for one in variances)  # the floor lifts zeros too


def validation(folder: Path) -> dict[int, float]:
    """Validation loss by step."""
    return {row["step"]: row["valid/loss"] for row in rows(folder) if "valid/loss" in row}


def carried(path: Path, changes: list[str], folder: Path) -> dict[str, np.ndarray]:
    """What ranks that take a run up owe together before their first step, by parameter."""
    found: dict[str, torch.Tensor] = {}

    def caught(fit: Fit) -> None:
        exchange = fit.engine.contract.exchange
        for kind, scale in (("worker_error", 1 / exchange.ranks), ("server_error", 1.0)):
            state = exchange.source.per_rank() | exchange.source.sharded()
            view, start = state[kind] if isinstance(state[kind], tuple) else (state[kind], 0)
            whole = torch.zeros(sum(one.tensor.numel() for one in exchange.held))
            whole[start : start + len(view)] = view * scale
            torch.distributed.all_reduce(whole)
            for one, begin, numel in exchange.places():
                found[one.name] = found.get(one.name, 0) + whole[begin : begin + numel]
        raise Stopped(15)

    Fit.run = caught  # this process is a rank's own
    run(load_recipe(path, [*changes, f"run.folder={folder}"], tiny=True))
    return {name: values.numpy() for name, values in found.items()}


def owed(folder: Path) -> dict[str, torch.Tensor]:
    """The mean of the workers' errors and the servers' of the newest checkpoint (rho)."""
    reader = Reader(folders(folder)[0])
    kinds = sorted({key.partition("/")[0] for key in reader.shapes})
    names = sorted({k.partition("/")[2] for k in reader.shapes if k.startswith("server_error/")})
    ranks = [kind for kind in kinds if kind.startswith("worker_error.")]
    assert ranks and names
    return {
        n: sum(reader.whole(f"{kind}/{n}").flatten() for kind in ranks) / len(ranks)
        + reader.whole(f"server_error/{n}").flatten()
        for n in names
    }


@pytest.mark.ranks(4)
@pytest.mark.parametrize(
    "name",
    [
        "OneBitAdam",
        pytest.param("OneBitAdam, ZeRO 1, int8", marks=pytest.mark.slow),
        pytest.param("power-sgd", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize(("before", "after"), [(2, 4), pytest.param(4, 2, marks=pytest.mark.slow)])
def test_another_number_of_ranks_keeps_what_is_owed(
    name: str, before: int, after: int, tmp_path: Path
) -> None:
    whole, calm = tmp_path / "whole", [*LONG]
    calm += [START.replace("6", "50")] if name == "power-sgd" else [FREEZE.replace("6", "50")]
    train(before, PATH, whole, *words(name), *calm)
    resumed(after, name, whole, tmp_path / "resumed", SWITCH + 1, *calm)
    found, wanted = validation(tmp_path / "resumed"), validation(whole)
    off = [abs(found[SWITCH + more] / wanted[SWITCH + more] - 1) for more in LATER]
    print(f"{name}, {before} to {after}: {', '.join(f'{one:.2%}' for one in off)} after {LATER}")
    assert max(off) < 0.01
    forget_from(whole, SWITCH + 1)
    if name != "power-sgd":  # it has no servers
        made, there = owed(whole), run_ranks(after, carried, PATH, [*words(name), *calm], whole)[0]
        assert made.keys() == there.keys()
        largest = max(float(value.abs().max()) for value in made.values())
        assert largest > 0
        for key, value in made.items():
            assert float((value - there[key]).abs().max()) <= 1e-6 * largest


@pytest.mark.ranks(2)
def test_before_the_freeze_one_bit_adam_is_adamw(tmp_path: Path) -> None:
    adamw = ["optimizer.type=Adam", *SMALL]
    dense = [word for word in words("OneBitAdam") if word != FREEZE]
    dense.append("optimizer.params.freeze_step=19")
    train_each(PATH, tmp_path, {"adamw": (2, adamw), "dense": (2, dense)})
    first = {step: loss for step, loss in losses(tmp_path / "dense").items() if step <= 19}
    other = {step: loss for step, loss in losses(tmp_path / "adamw").items() if step <= 19}
    assert furthest(first, other) < 1e-5


@pytest.mark.slow
@pytest.mark.ranks(2)
@pytest.mark.parametrize(
    ("name", "least"),
    [("OneBitAdam", 29), ("int8", 3.7), ("OneBitAdam, ZeRO 1, sign", 19), ("local-sgd", 3.9)],
)
def test_a_row_says_how_many_bytes_were_sent(name: str, least: float, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    train(2, PATH, folder, *words(name), "run.log_every=4")
    last = [row for row in rows(folder) if "loss" in row][-1]
    assert last["compression"] >= least


LLAMA = CATALOG / "nlp" / "llama-mini-shakespeare.json"
STAGES = ("parallel.zero.stage=0", "parallel.pipeline.stages=2")


@pytest.mark.ranks(4)
@pytest.mark.parametrize("kind", ["int8", pytest.param("power-sgd", marks=pytest.mark.slow)])
def test_stages_compress_over_their_own_data_ranks(kind: str, tmp_path: Path) -> None:
    settings = [*SGD_WORDS, *SHORT, "run.micro_batch=4", "model.config.tie_word_embeddings=false"]
    runs = {"one": (1, ()), "cut": (4, (*STAGES, f"{KIND}={kind}"))}
    train_each(LLAMA, tmp_path, runs, *settings)
    assert furthest(losses(tmp_path / "cut"), losses(tmp_path / "one")) < 0.03
    found = [row for row in rows(tmp_path / "cut") if "loss" in row]
    assert found[-1]["compression"] > 3.5


def test_copies_of_tied_weights_are_not_compressed_apart() -> None:
    words = [*STAGES, f"{KIND}=int8", "model.config.tie_word_embeddings=true"]
    assert "tied" in str(refusal(LLAMA, words, 2))


@pytest.mark.slow
@pytest.mark.ranks(2)
@pytest.mark.parametrize(("before", "after"), [(0, 1), (1, 0)])
def test_one_bit_adam_goes_on_with_owners_and_without(
    before: int, after: int, tmp_path: Path
) -> None:
    whole, stage = tmp_path / "whole", "parallel.zero.stage="
    train(2, PATH, whole, *words("OneBitAdam"), f"{stage}{before}")
    found = resumed(2, "OneBitAdam", whole, tmp_path / "other", 20, f"{stage}{after}")
    assert list(found) == list(range(1, 21))
    assert furthest(found, losses(whole)) < 0.02
