"""What comes out of a run is a folder that plain transformers loads; what goes in may be one."""

import json
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

from tests.ranks import run_ranks
from tests.runs import SHORT, losses, run_twin, train, twin
from zoo.recipe import load_recipe
from zoo.training.evaluate import evaluate
from zoo.training.run import run


def test_an_exported_folder_loads_scores_and_says_how_it_was_made(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    kind = "sequence-classification"
    found = train(
        2, twin(kind), folder, *SHORT, "parallel.zero.stage=3", "data.max_valid_examples=99"
    )
    model = AutoModelForSequenceClassification.from_pretrained(folder / "model")
    tokenizer = AutoTokenizer.from_pretrained(folder / "model")
    encoded = tokenizer("x in range(3):", return_tensors="pt")
    assert model(**encoded).logits.shape[-1] == len(model.config.id2label) > 2
    assert "accuracy" in (folder / "model" / "README.md").read_text()
    scored = next(row for row in found if "valid/accuracy" in row)
    for place in (folder, folder / "model"):
        scores = run_ranks(1, evaluate, place, "valid")[0]
        assert scores["valid/accuracy"] == scored["valid/accuracy"]
        assert abs(scores["valid/loss"] - scored["valid/loss"]) < 1e-6


def test_a_run_starts_from_the_weights_of_an_earlier_run(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    train(1, twin("sequence-classification"), first, *SHORT)
    words = [*SHORT, "run.steps=1", "optimizer.params.lr=0.0", f"model.weights={first}"]
    train(2, twin("sequence-classification"), second, *words, "parallel.zero.stage=3")
    before = load_file(first / "model" / "model.safetensors")
    after = load_file(second / "model" / "model.safetensors")
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def finetuning(checkpoint: Path, folder: Path, stage: int, lr: float) -> Path:
    """Writes a recipe that fine-tunes a checkpoint, and its text, before any rank reads them."""
    text = folder.parent / "text"
    text.mkdir(exist_ok=True)
    (text / "train.txt").write_text("I dreamed of a river that ran uphill to the moon.\n" * 400)
    recipe = {
        "task": {"kind": "causal-lm", "sequence_length": 64},
        "model": {"name": str(checkpoint)},
        "data": {
            "source": "files",
            "folder": str(text),
            "train": "train.txt",
            "valid": "train.txt",
        },
        "parallel": {"zero": {"stage": stage}},
        "optimizer": {"type": "AdamW", "params": {"lr": lr}},
        "run": {"steps": 10, "batch": 8, "micro_batch": 4, "folder": str(folder), "log_every": 1},
    }
    path = folder.parent / f"{folder.name}.json"
    path.write_text(json.dumps(recipe))
    return path


def train_on(recipe: Path) -> int:
    """One run of a recipe's file."""
    return run(load_recipe(recipe))


def first_loss(checkpoint: Path, recipe: Path) -> float:
    """Plain transformers on the first global batch."""
    from zoo.training.checks import ring_two
    from zoo.training.run import prepare

    loaded = load_recipe(recipe)
    checked = ring_two(loaded, 1)
    prepared = prepare(loaded, checked)
    chosen = [index for part in prepared.order.micro_batches(0) for index in part.rows.tolist()]
    ids = torch.tensor([list(prepared.train[index]["input_ids"]) for index in chosen])
    model = AutoModelForCausalLM.from_pretrained(checkpoint)
    with torch.no_grad():
        logits = model(ids[:, :-1]).logits
    return float(torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten()))


def assert_learns(root: Path, folder: Path, stage: int, lr: float) -> None:
    """The first loss of a fine-tuning is transformers' own, the tenth less than half of it."""
    checkpoint = root / "ckpt_aidreams260k"
    recipe = finetuning(checkpoint, folder, stage, lr)
    assert run_ranks(2, train_on, recipe) == [0, 0]
    found = losses(folder)
    plain = first_loss(checkpoint, recipe)
    assert abs(found[1] - plain) < 1e-5 * plain
    assert found[10] < found[1] / 2


@pytest.mark.shared_data
@pytest.mark.ranks(2)
@pytest.mark.parametrize("stage", [0, 3])
def test_a_real_checkpoint_starts_with_transformers_own_loss_and_learns(
    stage: int, shared_data: Path, tmp_path: Path
) -> None:
    assert_learns(shared_data, tmp_path / "run", stage, 1e-3)


@pytest.mark.ranks(2)
@pytest.mark.parametrize("stage", [0, 3])
def test_an_untrained_checkpoint_starts_with_transformers_own_loss_and_learns(
    stage: int, small_data: Path, tmp_path: Path
) -> None:
    assert_learns(small_data, tmp_path / "run", stage, 2e-2)


@pytest.mark.ranks(2)
def test_a_checkpoint_comes_back_bit_by_bit_without_a_learning_rate(
    data_root: Path, tmp_path: Path
) -> None:
    checkpoint, folder = data_root / "ckpt_aidreams260k", tmp_path / "run"
    assert run_ranks(2, train_on, finetuning(checkpoint, folder, 3, 0.0)) == [0, 0]
    before = load_file(checkpoint / "model.safetensors")
    after = load_file(folder / "model" / "model.safetensors")
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name].float(), after[name]) for name in before)


def test_a_corrupt_row_among_the_first_does_not_fail_an_export(tmp_path: Path) -> None:
    for number in range(8):
        path = tmp_path / "images" / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (32, 32), (30 * number, 0, 0)).save(path)
    (tmp_path / "images" / "a" / "0.png").write_bytes(b"no image")
    data = {"source": "files", "folder": str(tmp_path / "images"), "train": ".", "valid": "."}
    words = [f"data={json.dumps(data | {'max_corrupt': 1})}", "run.steps=1", "run.batch=4"]
    folder = tmp_path / "run"
    train(1, twin("image-classification"), folder, *words, "run.micro_batch=4", "run.report_to=[]")
    assert (folder / "model" / "model.safetensors").is_file()


def test_a_finished_run_says_so_and_changes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    train(1, twin("sequence-classification"), folder, *SHORT)
    before = sorted((p.name, p.stat().st_mtime_ns) for p in (folder / "model").iterdir())
    words = [f"run.folder={folder}", *SHORT]
    assert run_ranks(1, run_twin, twin("sequence-classification"), words) == [0]
    assert before == sorted((p.name, p.stat().st_mtime_ns) for p in (folder / "model").iterdir())
