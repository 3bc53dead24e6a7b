"""Every family of text and speech computes on every layout that it takes what one process does,
and gives back bit by bit what transformers wrote.
"""

import json
from pathlib import Path

import pytest

from tests.ranks import run_ranks
from tests.runs import LAYOUTS, furthest, losses, train_each, twin
from tests.training.shelf import MODELS, NO_STAGES, NO_TENSOR, short, write_checkpoint
from tests.training.test_round_trip import assert_equal, run_whole
from zoo.recipe import expanded, load_recipe

QUICK = ("hubert",)  # weight norm, which no other test fills from a checkpoint


def layouts(name: str) -> list[str]:
    """ZeRO 3, and the cuts that the family takes."""
    cuts = {"pipeline-2": name not in NO_STAGES, "tensor-2": name not in NO_TENSOR}
    return ["zero-3", *(cut for cut, taken in cuts.items() if taken)]


@pytest.mark.slow  # what they compute in pieces is seen in tests/models; this is the whole way
@pytest.mark.ranks(2)
@pytest.mark.parametrize("name", MODELS)
def test_every_layout_gives_the_losses_of_one_process(name: str, tmp_path: Path) -> None:
    kind, config = MODELS[name]
    model = {"config": config, "tokenizer": "bytes", "tiny": {}}
    if kind == "ctc":
        model["processor"] = {"sampling_rate": 8000}
    chosen = {layout: LAYOUTS[layout] for layout in layouts(name)}
    words = [*short(kind), f"model={json.dumps(model)}"]
    train_each(twin(kind), tmp_path, {"one": (1, ()), **chosen}, *words)
    one = losses(tmp_path / "one")
    found = {layout: furthest(losses(tmp_path / layout), one) for layout in chosen}
    print(f"parity {name}: {found}")
    assert max(found.values()) < 1e-4, found


@pytest.mark.ranks(2)
@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[] if n in QUICK else [pytest.mark.slow]) for n in MODELS]
)
def test_transformers_checkpoint_comes_back_bit_by_bit(name: str, tmp_path: Path) -> None:
    kind, _ = MODELS[name]
    write_checkpoint(name, tmp_path / "theirs")
    content = expanded(load_recipe(twin(kind), short(kind), tiny=True))
    content["model"] = {"name": str(tmp_path / "theirs")}
    path = tmp_path / "still.json"
    path.write_text(json.dumps(content))
    for world, stage in {1: 0, 2: 3}.items():
        words = ["optimizer.params.lr=0.0", "run.steps=1", f"parallel.zero.stage={stage}"]
        words.append(f"run.folder={tmp_path / str(world)}")
        assert run_ranks(world, run_whole, path, words) == [0] * world
        assert_equal(tmp_path / "theirs", tmp_path / str(world) / "model")
