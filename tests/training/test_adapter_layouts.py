"""An adapter learns the same on every layout, and goes on in the middle on any other."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.runs import CATALOG, LAYOUTS, SHORT, furthest, losses, train, without_dropout
from tests.training.test_adapters import LORA, trained

CUT_SMALL = ("parallel.zero.stage=3", "parallel.zero.stage3_param_persistence_threshold=0")
EVERY = LAYOUTS | {
    "zero-3": (2, CUT_SMALL),
    "tensor-2 x zero-3": (4, ("parallel.tensor=2", *CUT_SMALL)),
}
NAMES = (
    "data-2",
    "zero-1",
    "zero-2",
    "zero-3",
    "pipeline-2",
    "tensor-2",
    "pipeline-2 x tensor-2",
    "tensor-2 x zero-3",
)
TWINS = {
    "bert": ("nlp/bert-base-mnli-finetune", ["query", "value", "output.dense"]),
    "vit": ("vision/vit-small-imagenet", ["q_proj", "v_proj", "fc2"]),
}
Trained = Callable[..., Path]
"""The folder of a run of six steps, saved after three, in so many processes."""


def llama(base: Path, root: Path, *common: str) -> Trained:
    """On a pretrained checkpoint."""
    return lambda world, name, *words: trained(world, base, root / name, *common, *words)


def of_twin(kind: str, root: Path) -> Trained:
    """On the random weights of a twin, whose head is trained beside it."""
    path, targets = CATALOG / f"{TWINS[kind][0]}.json", TWINS[kind][1]
    lora = {"r": 4, "alpha": 32, "target_modules": targets, "modules_to_save": ["classifier"]}
    common = [*SHORT, *without_dropout(path), f"model.lora={LORA | lora}".replace("'", '"')]
    # Of all six steps, and of a base whose matrices are no little, something is seen.
    common += ["optimizer.scheduler=false", "optimizer.params.lr=1e-2"]
    common += ["model.config.initializer_range=0.2"]
    common += ["run.steps=6", "run.save_every=3", "run.keep=9", "run.export_merged=true"]
    common += ["task.augment.mixup=0.0"] if kind == "vit" else []

    def run(world: int, name: str, *words: str) -> Path:
        train(world, path, root / name, *common, *words)
        return root / name

    return run


@pytest.mark.slow
@pytest.mark.ranks(4)
@pytest.mark.parametrize("kind", ["llama", "llama with DoRA", "llama in 4 bits", *TWINS])
def test_every_layout_gives_an_adapter_the_losses_of_one_process_and_goes_on_from_any(
    kind: str, shared_data: Path, tmp_path: Path
) -> None:
    base = shared_data / "ckpt_aidreams260k"
    dora = ("model.lora.use_dora=true",) if "DoRA" in kind else ()
    bits = ("model.lora.bnb_4bit.quant_type=nf4",) if "4 bits" in kind else ()
    run = of_twin(kind, tmp_path) if kind in TWINS else llama(base, tmp_path, *dora, *bits)
    alone = losses(run(1, "alone", "parallel.zero.stage=0"))
    assert alone[6] != alone[1]
    before = "one"
    for name in NAMES if not bits else [one for one in NAMES if "tensor" not in one]:
        world, words = EVERY[name]
        folder = run(world, name, *words)
        found = furthest(losses(folder), alone)
        shutil.rmtree(folder / "checkpoints" / "step-00000006")
        shutil.rmtree(folder / "model")
        other, others = (1, ("parallel.zero.stage=0",)) if before == "one" else EVERY[before]
        run(other, name, *others)
        again = furthest(losses(folder), alone)
        print(f"{kind} {name}: {found:.1e}, gone on with as {before}: {again:.1e}")
        assert max(found, again) < 1e-4, name
        before = name
