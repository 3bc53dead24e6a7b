"""Preferences are learned on every layout as in one process, and from the same reference."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.ranks import run_ranks
from tests.runs import LAYOUTS, SHORT, furthest, losses, train_each, twin, without_dropout
from zoo.cli.runs import Split
from zoo.recipe import load_recipe
from zoo.training.disk.resuming import Start
from zoo.training.evaluate import evaluate
from zoo.training.run import run

PATH = twin("preference")
WORDS = [*SHORT, "run.steps=10", "run.eval_every=5", "data.max_train_examples=200"]
CUT = ("data-2", "zero-1", "zero-2", "zero-3", "pipeline-2", "tensor-2")


def references(cache: Path) -> dict[int, np.ndarray]:
    """What was told of the rows of each set, by their number."""
    found = [np.load(file) for file in cache.glob("reference-*/values.npy")]
    return {len(values): values for values in found}


def run_words(words: Sequence[str]) -> int:
    """`zoo train --tiny` in a process of its own."""
    return run(load_recipe(PATH, words, tiny=True), Start())


@pytest.mark.slow
@pytest.mark.ranks(2)
@pytest.mark.parametrize("loss", ["dpo", "kto"])
def test_every_layout_finds_the_reference_and_the_losses_of_one_process(
    loss: str, tmp_path: Path
) -> None:
    layouts = {"one": (1, ("parallel.zero.stage=0",))} | {name: LAYOUTS[name] for name in CUT}
    runs = {
        name: (count, (*words, f"data.cache={tmp_path / 'caches' / name}"))
        for name, (count, words) in layouts.items()
    }
    train_each(PATH, tmp_path, runs, *WORDS, f"task.loss={loss}", "task.beta=0.1")
    one, told = losses(tmp_path / "one"), references(tmp_path / "caches" / "one")
    assert len(told) == 2
    found = {}
    for name in CUT:
        found[name] = furthest(losses(tmp_path / name), one)
        theirs = references(tmp_path / "caches" / name)
        assert all(np.allclose(values, theirs[n], rtol=1e-5) for n, values in told.items()), name
    print(f"parity preference {loss}: {found}")
    assert max(found.values()) < 1e-4, found


@pytest.mark.slow
@pytest.mark.ranks(2)
def test_a_run_goes_on_with_its_reference_on_another_layout_even_if_the_cache_is_lost(
    tmp_path: Path,
) -> None:
    save = ["run.save_every=5", "run.keep=9", "task.beta=0.1"]

    def words(name: str, *more: str) -> list[str]:
        places = [f"run.folder={tmp_path / name}", f"data.cache={tmp_path / 'cache'}"]
        return [*WORDS, *save, *places, *more]

    assert run_ranks(1, run_words, words("run", "parallel.zero.stage=0")) == [0]
    whole = losses(tmp_path / "run")
    for name, layout in (("kept", "zero-3"), ("lost", "pipeline-2")):
        world, layout_words = LAYOUTS[layout]
        shutil.copytree(tmp_path / "run", tmp_path / name)
        shutil.rmtree(tmp_path / name / "checkpoints" / "step-00000010")
        before = references(tmp_path / "cache")
        if name == "lost":
            for folder in (tmp_path / "cache").glob("reference-*"):
                shutil.rmtree(folder) if folder.is_dir() else folder.unlink()
        assert run_ranks(world, run_words, words(name, *layout_words)) == [0] * world
        assert furthest(losses(tmp_path / name), whole) < 1e-4, name
        after = references(tmp_path / "cache")
        assert all(np.allclose(values, after[n], rtol=1e-5) for n, values in before.items())


def adapt(base: Path, folder: Path, words: Sequence[str]) -> int:
    """A few steps of DPO with an adapter on a checkpoint."""
    recipe = {
        "task": {"kind": "preference", "sequence_length": 96, "beta": 0.1},
        "model": {"name": str(base), "lora": {"r": 4}},
        "data": {"source": "built-in", "name": "docstring-preferences", "workers": 0}
        | {"max_train_examples": 64, "max_valid_examples": 16, "cache": str(folder.parent / "c")},
        "optimizer": {"type": "AdamW", "params": {"lr": 1e-2}},
        "run": {"steps": 4, "batch": 8, "micro_batch": 4, "folder": str(folder)}
        | {"log_every": 1, "save_every": 2, "report_to": [], "examples": 0},
    }
    path = folder.parent / f"{folder.name}.json"
    path.write_text(json.dumps(recipe))
    return run(load_recipe(path, words), Start())


@pytest.mark.slow
@pytest.mark.ranks(2)
def test_with_an_adapter_the_reference_is_its_base(data_root: Path, tmp_path: Path) -> None:
    base, folder = data_root / "ckpt_aidreams260k", tmp_path / "run"
    assert run_ranks(2, adapt, base, folder, ["parallel.zero.stage=2"]) == [0, 0]
    assert losses(folder)[1] == pytest.approx(np.log(2), rel=1e-5)  # it begins as the reference
    told = references(tmp_path / "c")
    assert run_ranks(1, adapt, base, tmp_path / "whole", ["model.lora=unset"]) == [0]
    # Asked of the same model, whether an adapter is trained beside it or not.
    assert len(told) == len(list((tmp_path / "c").glob("reference-*/values.npy"))) == 2


@pytest.mark.slow
@pytest.mark.ranks(1)
def test_a_folder_is_scored_against_the_weights_that_its_run_started_from(tmp_path: Path) -> None:
    words = [*WORDS, f"run.folder={tmp_path / 'run'}", f"data.cache={tmp_path / 'cache'}"]
    assert run_ranks(1, run_words, words) == [0]
    run_folder, other = tmp_path / "run", [f"data.cache={tmp_path / 'other'}"]
    told = sorted((tmp_path / "cache").glob("reference-*"))
    assert run_ranks(1, written_scores, run_folder, [], tmp_path / "kept.json") == [0]
    assert sorted((tmp_path / "cache").glob("reference-*")) == told  # nothing was asked again
    assert run_ranks(1, written_scores, run_folder / "model", other, tmp_path / "new.json") == [0]
    kept, anew = (json.loads((tmp_path / name).read_text()) for name in ("kept.json", "new.json"))
    assert kept["valid/margin"] != 0
    assert anew == pytest.approx(kept, rel=1e-4)


def written_scores(folder: Path, words: Sequence[str], file: Path) -> int:
    """`zoo eval` in a process of its own."""
    file.write_text(json.dumps(evaluate(folder, Split.valid, words)))
    return 0


@pytest.mark.slow
@pytest.mark.ranks(2)
def test_a_reward_model_is_learned_alike_on_every_layout(
    tmp_path: Path,
) -> None:
    path, pairs = twin("sequence-classification"), "data.name=docstring-preferences"
    words = [*SHORT, "task.problem=pairs", pairs, "run.batch=8", "run.micro_batch=4"]
    cut = {name: LAYOUTS[name] for name in ("zero-1", "zero-3", "pipeline-2", "tensor-2")}
    runs = {"one": (1, ("parallel.zero.stage=0",)), **cut}
    train_each(path, tmp_path, runs, *words, *without_dropout(path), "run.steps=10")
    one = losses(tmp_path / "one")
    found = {name: furthest(losses(tmp_path / name), one) for name in cut}
    print(f"parity reward model: {found}")
    assert max(found.values()) < 1e-4, found
