"""Every family of vision computes on every layout that it takes what one process does, stochastic
depth included, and gives back bit by bit what transformers wrote.
"""

import json
from pathlib import Path

import pytest
import torch
import transformers

from tests.ranks import run_ranks
from tests.runs import LAYOUTS, furthest, losses, train_each, twin
from tests.training.shelf import short
from tests.training.shelf_vision import CUT, MODELS, config_of, sizes, write_checkpoint
from tests.training.test_round_trip import assert_equal, run_whole
from zoo.models.build import on_meta
from zoo.models.fill import fill
from zoo.models.weights import FileWeights, weight_files
from zoo.recipe import expanded, load_recipe
from zoo.recipe.vocabulary.kinds import KINDS


@pytest.mark.slow
@pytest.mark.ranks(2)
@pytest.mark.parametrize("name", MODELS)
def test_every_layout_gives_the_losses_of_one_process(name: str, tmp_path: Path) -> None:
    kind, config = MODELS[name]
    layouts = ["data-2", "zero-3", *(["pipeline-2", "tensor-2"] if name in CUT else [])]
    chosen = {layout: LAYOUTS[layout] for layout in layouts}
    words = [*short(kind), *sizes(kind), f"model={json.dumps({'config': config, 'tiny': {}})}"]
    words.append("optimizer.params.lr=5e-4")
    train_each(twin(kind), tmp_path, {"one": (1, ()), **chosen}, *words)
    one = losses(tmp_path / "one")
    found = {layout: furthest(losses(tmp_path / layout), one) for layout in chosen}
    print(f"parity {name}: {found}")
    assert max(found.values()) < 1e-4, found


@pytest.mark.slow
@pytest.mark.ranks(2)
@pytest.mark.parametrize("name", MODELS)
def test_transformers_checkpoint_comes_back_bit_by_bit(name: str, tmp_path: Path) -> None:
    kind, _ = MODELS[name]
    write_checkpoint(name, tmp_path / "theirs")
    content = expanded(load_recipe(twin(kind), [*short(kind), *sizes(kind)], tiny=True))
    content["model"] = {"name": str(tmp_path / "theirs"), "batch_norm": "frozen"}
    path = tmp_path / "still.json"
    path.write_text(json.dumps(content))
    for world, stage in {1: 0, 2: 3}.items():
        words = ["optimizer.params.lr=0.0", "run.steps=1", f"parallel.zero.stage={stage}"]
        words.append(f"run.folder={tmp_path / str(world)}")
        assert run_ranks(world, run_whole, path, words) == [0] * world
        assert_equal(tmp_path / "theirs", tmp_path / str(world) / "model")


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_filled_from_what_transformers_wrote_and_written_as_it_was(
    name: str, tmp_path: Path
) -> None:
    write_checkpoint(name, tmp_path / "theirs")
    head = getattr(transformers, KINDS[MODELS[name][0]].head)
    model = on_meta(head, config_of(name), "sdpa")
    weights = FileWeights(model, weight_files(str(tmp_path / "theirs"), None))
    fill(model, 7, weights, torch.device("cpu"))
    model.save_pretrained(tmp_path / "ours")
    assert_equal(tmp_path / "theirs", tmp_path / "ours")
