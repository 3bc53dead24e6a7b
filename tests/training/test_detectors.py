"""Every family of detectors: built, filled, trained, given back; and ranks without a box."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForObjectDetection, PreTrainedModel

from tests.ranks import run_ranks
from tests.runs import CATALOG, LAYOUTS, SHORT, furthest, losses, rows, train, train_each, twin
from tests.tasks.conftest import make_batch, make_recipe, make_source  # noqa: F401  (fixtures)
from tests.training.detectors import DETECTORS, NOISY
from tests.training.test_round_trip import assert_equal, run_whole
from zoo.data.builtin.shapes import SHAPES, ShapeRows
from zoo.engines.transforms import meta_model
from zoo.errors import ConfigError
from zoo.models.fill import NoWeights, fill
from zoo.recipe import expanded, load_recipe
from zoo.tasks.build import build_task
from zoo.training.checks import build_meta
from zoo.training.disk.weights import open_weights
from zoo.training.evaluate import evaluate

KIND = "object-detection"
ROWS = ShapeRows("train", frozenset({"image", "objects"}))
BRIEF = [*SHORT, "run.steps=6", "run.batch=4", "run.micro_batch=2", "task.image_size=32"]
Built = Callable[[str], tuple[Any, Any]]


@pytest.fixture
def built(make_recipe: Any, make_source: Any) -> Built:  # noqa: F811
    """built(family): its recipe and task."""

    def make(family: str) -> tuple[Any, Any]:
        recipe = make_recipe(KIND, config=DETECTORS[family])
        return recipe, build_task(recipe, make_source(KIND))

    return make


def write_checkpoint(family: str, task: Any, folder: Path) -> PreTrainedModel:
    """A checkpoint as transformers writes it, its values drawn by the class."""
    torch.manual_seed(3)
    config = AutoConfig.for_model(**{**task.config.to_dict(), "model_type": family})
    model: PreTrainedModel = AutoModelForObjectDetection.from_config(config)
    for buffer in model.buffers():
        if buffer.is_floating_point():
            buffer.add_(0.25)  # running statistics that no constructor gives
    model.save_pretrained(folder)
    task.save(folder)
    return model


@pytest.mark.parametrize("family", DETECTORS)
def test_a_family_is_built_with_sdpa_and_learns_what_it_computes_by_itself(
    family: str,
    built: Built,
    make_batch: Any,  # noqa: F811
) -> None:
    recipe, task = built(family)
    model = meta_model(recipe, task)
    fill(model, 0, NoWeights(), torch.device("cpu"))
    batch = make_batch(task, ROWS, 3, training=True)
    torch.manual_seed(0)
    loss = task.loss(model(**batch["inputs"]), batch)
    loss.backward()
    plain = AutoModelForObjectDetection.from_config(task.config, attn_implementation="eager")
    plain.load_state_dict(model.state_dict())
    torch.manual_seed(0)
    theirs = plain.train()(**batch["inputs"]).loss * batch["count"]
    torch.testing.assert_close(loss, theirs.float(), rtol=1e-4, atol=0)
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    assert len(gradients) > 20
    assert all(gradient.isfinite().all() for gradient in gradients)
    assert sum(bool(gradient.any()) for gradient in gradients) > 0.8 * len(gradients)


@pytest.mark.parametrize("family", DETECTORS)
def test_transformers_checkpoint_fills_the_module_bit_by_bit(
    family: str, built: Built, tmp_path: Path
) -> None:
    recipe, task = built(family)
    write_checkpoint(family, task, tmp_path / "theirs")
    model = meta_model(recipe, task)
    weights = open_weights(model, str(tmp_path / "theirs"), None)
    fill(model, 0, weights, torch.device("cpu"))
    model.save_pretrained(tmp_path / "ours")
    assert_equal(tmp_path / "theirs", tmp_path / "ours")


@pytest.mark.parametrize("family", NOISY)
def test_activations_are_not_recomputed_where_the_family_cannot(family: str, built: Built) -> None:
    recipe, task = built(family)
    parallel = recipe.parallel.model_copy(update={"gradient_checkpointing": True})
    with pytest.raises(ConfigError, match=r"parallel.gradient_checkpointing: found"):
        build_meta(recipe.model_copy(update={"parallel": parallel}), task)


def laid(family: str, folder: Path, **sections: Any) -> Path:
    """The kind's twin with this family in its place, as a recipe file."""
    content = expanded(load_recipe(twin(KIND), BRIEF, tiny=True))
    content["model"] = {"config": DETECTORS[family], "tiny": {}}
    path = folder / f"{family}.json"
    path.write_text(json.dumps({**content, **sections}))
    return path


@pytest.mark.slow
@pytest.mark.ranks(2)
@pytest.mark.parametrize("family", DETECTORS)
def test_every_layout_gives_the_losses_of_one_process(family: str, tmp_path: Path) -> None:
    path = laid(family, tmp_path)
    chosen = {name: LAYOUTS[name] for name in ("data-2", "zero-1", "zero-2", "zero-3")}
    runs = {"one": (1, ("parallel.zero.stage=0",)), **chosen}
    train_each(path, tmp_path, runs, *BRIEF)
    one = losses(tmp_path / "one")
    found = {name: furthest(losses(tmp_path / name), one) for name in chosen}
    print(f"parity {family}: {found}")
    assert max(found.values()) < 1e-4, found


@pytest.mark.slow
@pytest.mark.ranks(2)
@pytest.mark.parametrize("family", DETECTORS)
def test_transformers_checkpoint_comes_back_bit_by_bit(
    family: str, built: Built, tmp_path: Path
) -> None:
    write_checkpoint(family, built(family)[1], tmp_path / "theirs")
    path = laid(family, tmp_path, model={"name": str(tmp_path / "theirs")})
    still = ["optimizer.params.lr=0.0", "run.steps=1", "model.batch_norm=frozen"]
    for world, stage in {1: 0, 2: 3}.items():
        words = [*still, f"parallel.zero.stage={stage}", f"run.folder={tmp_path / str(world)}"]
        assert run_ranks(world, run_whole, path, words) == [0] * world
        assert_equal(tmp_path / "theirs", tmp_path / str(world) / "model")


def sparse(folder: Path) -> Path:
    """Images of shapes of which every other pair has no objects: a rank's whole micro-batches."""
    folder.mkdir()
    lines = []
    for index in range(16):
        row = ROWS[index]
        row["image"].save(folder / f"{index}.png")
        objects = row["objects"].plain() if index % 4 < 2 else {"bbox": [], "category": []}
        names = [SHAPES[int(number)] for number in objects["category"]]
        content = {"bbox": objects["bbox"], "category": names}
        lines.append(json.dumps({"file_name": f"{index}.png", "objects": content}))
    (folder / "metadata.jsonl").write_text("\n".join(lines))
    return folder


@pytest.mark.slow
@pytest.mark.ranks(2)
@pytest.mark.parametrize("family", ["rt_detr", "d_fine", "detr"])
def test_ranks_without_a_box_compute_with_the_others(family: str, tmp_path: Path) -> None:
    data = {"source": "files", "folder": str(sparse(tmp_path / "data")), "train": "**"}
    data |= {"valid": False, "sampling": "sequential", "workers": 0}
    path = laid(family, tmp_path)
    words = [f"data={json.dumps(data)}", "run.best_metric=unset"]
    chosen = {name: LAYOUTS[name] for name in ("data-2", "zero-1", "zero-2", "zero-3")}
    runs = {"one": (1, ("parallel.zero.stage=0",)), **chosen}
    train_each(path, tmp_path, runs, *(one for one in BRIEF if "data." not in one), *words)
    one = losses(tmp_path / "one")
    assert [row["boxless"] for row in rows(tmp_path / "one") if "loss" in row][-1] == 2 * len(one)
    found = {name: furthest(losses(tmp_path / name), one) for name in chosen}
    print(f"parity without boxes {family}: {found}")
    assert max(found.values()) < 1e-4, found


@pytest.mark.slow  # three and a half minutes of a core
def test_the_twin_finds_the_shapes(tmp_path: Path) -> None:
    found = train(1, twin(KIND), tmp_path / "run", "data.workers=0", timeout=1800)[-1]
    print(f"shapes: {found}")
    assert found["valid/map"] >= 0.70
    assert found["valid/map_50"] >= 0.90


@pytest.mark.slow  # five minutes of a core
@pytest.mark.shared_data
def test_a_small_detector_finds_blood_cells(shared_data: Path, tmp_path: Path) -> None:
    words = [f"data.folder={shared_data / 'det_bccd'}", f"run.folder={tmp_path / 'run'}"]
    path = CATALOG / "vision/rt-detr-mini-bccd.json"
    assert run_ranks(1, run_whole, path, words, timeout=1800) == [0]
    found = evaluate(tmp_path / "run", "test")
    print(f"blood cells: {found}")
    assert found["test/map_50"] >= 0.50
