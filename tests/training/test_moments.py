"""A run may start from the moments of another one, which fit or are a fault."""

from collections.abc import Callable
from pathlib import Path

import pytest
from torch import Tensor

from tests.runs import LAYOUTS, SHORT, train, twin, without_dropout
from zoo.errors import ConfigError
from zoo.recipe import load_recipe
from zoo.training.checks import ring_two
from zoo.training.reader import Reader

RECIPE = twin("sequence-classification")
ROUND = 2
"""Steps in which the train split is gone through, always in the same order."""
WORDS = (
    *(*SHORT, "data.max_train_examples=16", "run.batch=8", "run.micro_batch=4", "run.keep=9"),
    *("data.sampling=sequential", "optimizer.scheduler=false", "run.save_every=1"),
    *without_dropout(RECIPE),
)


def saved(folder: Path, step: int) -> dict[str, Tensor]:
    """Weights and moments after a step."""
    reader = Reader(folder / "checkpoints" / f"step-{step:08d}")
    kinds = ("param/", "exp_avg/", "exp_avg_sq/")
    return {key: reader.whole(key) for key in reader.shapes if key.startswith(kinds)}


def apart(one: dict[str, Tensor], other: dict[str, Tensor]) -> float:
    """The largest difference."""
    assert one.keys() == other.keys() and one
    return max(float((one[key] - other[key]).abs().max()) for key in one)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., tuple[Path, Path]]:
    """first(words): a run of one round, and the same that goes on after it."""
    made: dict[tuple[str, ...], tuple[Path, Path]] = {}

    def run(*words: str) -> tuple[Path, Path]:
        if words not in made:
            root = tmp_path_factory.mktemp("moments")
            for name, steps in (("one", ROUND), ("on", ROUND + 3)):
                train(1, RECIPE, root / name, *WORDS, *words, f"run.steps={steps}")
            made[words] = root / "one", root / "on"
        return made[words]

    return run


def begin(folder: Path) -> list[str]:
    """The words of a run that starts where another ended."""
    return [f"model.weights={folder}", f"optimizer.state={folder}"]


@pytest.mark.ranks(2)
@pytest.mark.parametrize(
    "layout", ["zero-3", *(pytest.param(n, marks=pytest.mark.slow) for n in ("one", "pipeline-2"))]
)
def test_the_next_update_is_as_if_the_other_run_had_gone_on(
    layout: str, first: Callable[..., tuple[Path, Path]], tmp_path: Path
) -> None:
    one, on = first()
    ranks, words = LAYOUTS.get(layout, (1, ()))
    train(ranks, RECIPE, tmp_path / "run", *WORDS, *words, *begin(one), "run.steps=1")
    train(ranks, RECIPE, tmp_path / "run", *WORDS, *words, *begin(one), "run.steps=2")
    for step in (1, 2):  # the second after a resume, which must know how many updates there were
        most = 0 if layout == "one" else 1e-6
        assert apart(saved(tmp_path / "run", step), saved(on, ROUND + step)) <= most


FORMS = {
    "OneBitAdam": ("AdamW", ("optimizer.params.freeze_step=2", "parallel.zero.stage=0")),
    "OneBitAdam, sharded": ("AdamW", ("optimizer.params.freeze_step=2", "parallel.zero.stage=1")),
    "OneBitLamb": ("Lamb", ("optimizer.params.freeze_step=2", "parallel.zero.stage=0")),
}


@pytest.mark.slow
@pytest.mark.ranks(2)
@pytest.mark.parametrize("form", FORMS)
def test_a_form_of_one_bit_starts_from_the_moments_of_its_dense_one(
    form: str, first: Callable[..., tuple[Path, Path]], tmp_path: Path
) -> None:
    dense, words = FORMS[form]
    params = {"lr": 1e-3, "betas": [0.9, 0.99], "eps": 1e-8, "weight_decay": 0.01}
    common = [f"optimizer.params.{key}={value}" for key, value in params.items()]
    one, on = first(f"optimizer.type={dense}", *common, "parallel.zero.stage=0")
    kind = [f"optimizer.type={form.partition(',')[0]}", *common, *words, *begin(one)]
    train(2, RECIPE, tmp_path / "run", *WORDS, *kind, "run.steps=3")
    assert apart(saved(tmp_path / "run", 2), saved(on, ROUND + 2)) < 2e-6


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["model.config.intermediate_size=64"], r"\[128, 256\].*allowed: exp_avg/.*\[128, 64\]"),
        (["optimizer.type=Lion", "optimizer.params.lr=0.1"], "allowed: a run of Lion"),
        (["optimizer.state=/nowhere"], "a run's folder, or one of its checkpoints"),
    ],
    ids=["shapes", "rule", "folder"],
)
def test_moments_that_do_not_fit_are_faults_before_anything_starts(
    words: list[str], said: str, first: Callable[..., tuple[Path, Path]]
) -> None:
    one, _ = first()
    state = f"optimizer.state={one / 'checkpoints' / f'step-{ROUND:08d}'}"
    recipe = load_recipe(RECIPE, [*WORDS, "run.steps=1", state, *words], tiny=True)
    with pytest.raises(ConfigError, match=f"optimizer\\.state: (?s:.*){said}"):
        ring_two(recipe, 1)
