"""Stages, tensor ranks and both: the losses of one process, and checkpoints that fit them all."""

import itertools
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.benchmarks.parity import BAR, moment_difference, refusal, settings
from tests.runs import (
    CATALOG,
    LAYOUTS,
    LIGHT,
    Job,
    furthest,
    losses,
    rows,
    train,
    train_all,
    train_each,
    with_dropout,
)
from tests.training.conftest import Chosen
from zoo.recipe import load_recipe

FAMILIES = {
    "bert": CATALOG / "nlp/bert-base-mnli-finetune.json",
    "llama": CATALOG / "nlp/llama-mini-shakespeare.json",
    "vit": CATALOG / "vision/vit-base-imagenet.json",
    "parakeet": CATALOG / "speech/conformer-ctc-small-librispeech.json",
}
PARITY = {
    "nlp/gpt2-small-openwebtext": ["pipeline-2 x tensor-2 x data-2"],
    "nlp/bert-base-wikipedia": ["pipeline-2", "tensor-2"],
    "nlp/llama-mini-shakespeare": ["pipeline-2 x tensor-2", "tensor-2 x data-2"],
    "vision/resnet50-imagenet": ["pipeline-2"],
    "vision/vit-base-imagenet": ["pipeline-2 x data-2"],
    "speech/conformer-ctc-small-librispeech": ["pipeline-2", "tensor-2"],
    "speech/wav2vec2-conformer-large-librispeech-finetune": ["pipeline-2 x tensor-2"],
}


STEPS = 10  # the parity matrix takes twenty (tests/benchmarks/parity.py)


def light(path: Path) -> list[str]:
    """What a twin runs with here: as in the parity matrix, with less to compute in a step."""
    return [*settings(path), *LIGHT.get(load_recipe(path).task.kind, ()), f"run.steps={STEPS}"]


@pytest.mark.ranks(8)
@pytest.mark.parametrize("recipe", PARITY)
def test_stages_and_tensor_ranks_compute_what_one_process_does(recipe: str, tmp_path: Path) -> None:
    path, one = CATALOG / f"{recipe}.json", tmp_path / "one"
    layouts = {name: LAYOUTS[name] for name in PARITY[recipe]}
    words = light(path)
    if not any("tensor" in name for name in layouts):
        words += with_dropout(path)  # only inside tensor ranks it still differs
    train_each(path, tmp_path, {"one": (1, ()), **layouts}, *words)
    for name in layouts:
        folder = tmp_path / name
        found = furthest(losses(folder), losses(one)), moment_difference(folder, one)
        print(f"parity {path.stem} {name}: {found}")
        assert max(found) < BAR, (name, found)


# Name: processes and layout, as for LAYOUTS; the last speaks for all that hybrids can be.
ELASTIC = {name: LAYOUTS[name] for name in ("zero-1", "zero-3", "pipeline-2", "tensor-2")}
ELASTIC["hybrid-2x2x2"] = LAYOUTS["pipeline-2 x tensor-2 x data-2"]
TARGETS = ELASTIC | {"one": (1, ())}
FEW = {
    ("bert", "zero-3", "pipeline-2"),
    ("llama", "tensor-2", "zero-3"),
    ("llama", "hybrid-2x2x2", "one"),
    ("vit", "pipeline-2", "tensor-2"),
    ("parakeet", "zero-1", "hybrid-2x2x2"),
    ("parakeet", "pipeline-2", "zero-1"),
}
CASES = [
    (family, saved, resumed)
    for family, (saved, resumed) in itertools.product(FAMILIES, itertools.product(ELASTIC, TARGETS))
    if saved != resumed
]


SAVING = (f"run.save_every={STEPS // 2}", "run.keep=9")


@pytest.fixture(scope="module")
def whole(chosen: Chosen, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Path]:
    """whole(family, layout): the folder of an undisturbed run that saved halfway.

    All that the tests chosen for this session ask for are trained at once.
    """
    root = tmp_path_factory.mktemp("elastic")

    def job(family: str, layout: str) -> Job:
        path, (world, words) = FAMILIES[family], TARGETS[layout]
        return world, path, root / family / layout, [*light(path), *words, *SAVING]

    train_all(job(family, saved) for family, saved in chosen("family", "saved"))
    return lambda family, layout: root / family / layout


@pytest.mark.ranks(8)
@pytest.mark.parametrize(
    ("family", "saved", "resumed"),
    [pytest.param(*case, marks=[] if case in FEW else [pytest.mark.slow]) for case in CASES],
)
def test_a_checkpoint_goes_on_under_any_layout(
    family: str, saved: str, resumed: str, whole: Callable[[str, str], Path], tmp_path: Path
) -> None:
    folder, path = tmp_path / "run", FAMILIES[family]
    shutil.copytree(whole(family, saved), folder)
    shutil.rmtree(folder / "checkpoints" / f"step-{STEPS:08}")
    shutil.rmtree(folder / "model")
    world, words = TARGETS[resumed]
    train(world, path, folder, *light(path), *words, *SAVING)
    assert list(losses(folder)) == list(range(1, STEPS + 1)), "a step stands twice or is missing"
    assert furthest(losses(folder), losses(whole(family, saved))) < BAR


@pytest.mark.ranks(2)
def test_evaluation_in_a_pipeline_gives_the_scores_of_one_process(tmp_path: Path) -> None:
    path = FAMILIES["parakeet"]
    words = [*light(path), "run.steps=4", "run.eval_every=4", "data.max_valid_examples=30"]
    runs = {"one": (1, ()), "two": (2, ("parallel.pipeline.stages=2",))}
    train_each(path, tmp_path, runs, *words)
    one, two = (
        next(row for row in rows(tmp_path / name) if "valid/wer" in row) for name in ("one", "two")
    )
    assert one.keys() == two.keys()
    assert all(abs(one[key] - two[key]) <= 1e-4 * max(1, abs(one[key])) for key in one)


BALANCES = ("layers", "time")


@pytest.fixture(scope="module")
def balanced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three steps of one process and of two stages cut by each balance."""
    root, path = tmp_path_factory.mktemp("balanced"), FAMILIES["llama"]
    cut = "parallel.pipeline.stages=2"
    runs = {name: (2, (cut, f"parallel.pipeline.balance={name}")) for name in BALANCES}
    train_each(path, root, {"one": (1, ()), **runs}, *light(path), "run.steps=3")
    return root


@pytest.mark.ranks(2)
@pytest.mark.parametrize("balance", BALANCES)
def test_every_balance_computes_the_same(balance: str, balanced: Path) -> None:
    assert furthest(losses(balanced / balance), losses(balanced / "one")) < BAR


def test_what_cannot_be_cut_is_refused_with_its_numbers() -> None:
    vit, resnet = FAMILIES["vit"], CATALOG / "vision/resnet50-imagenet.json"
    assert "tensor" in str(refusal(vit, ["parallel.tensor=3"], 3))
    assert "resnet" in str(refusal(resnet, ["parallel.tensor=2"], 2))
    assert "40 for 2 layers" in str(refusal(vit, ["parallel.pipeline.stages=40"], 40))
    assert "3 processes" in str(refusal(vit, ["parallel.pipeline.stages=2"], 3))
