"""A mixture trains the same on every number of ranks, and goes on where it stopped."""

import json
from pathlib import Path

import pytest

from tests.ranks import run_ranks
from tests.runs import SHORT, furthest, losses, rows, train_each, twin
from zoo.recipe import load_recipe
from zoo.training.run import run

WEIGHTS = {"web": 0.7, "wiki": 0.2, "code": 0.1}
BATCH, STEPS = 24, 8


def run_plain(path: Path, words: list[str]) -> int:
    return run(load_recipe(path, words))


def recipe(folder: Path) -> Path:
    for part, count in (("web", 90), ("wiki", 30), ("code", 12)):
        lines = [json.dumps({"text": f"{part} has line {n}, " * 4}) for n in range(count)]
        (folder / f"{part}.jsonl").write_text("\n".join(lines))
    parts = [
        {
            "name": name,
            "data": {"source": "files", "folder": str(folder), "train": f"{name}.jsonl"},
            "weight": weight,
        }
        for name, weight in WEIGHTS.items()
    ]
    sizes = {"n_layer": 1, "n_head": 2, "n_embd": 32, "n_positions": 32}
    content = {
        "task": {"kind": "causal-lm", "sequence_length": 32},
        "model": {"config": {"model_type": "gpt2", **sizes}, "tokenizer": "bytes"},
        "data": {"source": "mixture", "parts": parts, "workers": 0, "cache": str(folder / "cache")},
        "optimizer": {"type": "AdamW", "params": {"lr": 0.01}},
        "run": {"steps": STEPS, "batch": BATCH, "micro_batch": 3, "log_every": 1},
    }
    path = folder / "mixture.json"
    path.write_text(json.dumps(content))
    return path


@pytest.mark.slow
def test_ranks_and_resumes_see_the_same_examples_in_their_shares(tmp_path: Path) -> None:
    path, found = recipe(tmp_path), {}
    for name, worlds in {"two": [(2, STEPS)], "four": [(4, STEPS)], "on": [(2, 3), (4, 8)]}.items():
        for world, steps in worlds:
            words = [f"run.folder={tmp_path / name}", f"run.steps={steps}"]
            assert run_ranks(world, run_plain, path, words, timeout=240) == [0] * world
        found[name] = [row for row in rows(tmp_path / name) if "loss" in row]
    for of_ranks in (found["four"], found["on"]):
        assert [row["loss"] for row in of_ranks] == pytest.approx(
            [row["loss"] for row in found["two"]], abs=2e-5
        )
    for each in found.values():
        assert [row["step"] for row in each] == list(range(1, STEPS + 1))
        for row in each:
            counts = {name: row[f"examples/{name}"] for name in WEIGHTS}
            assert sum(counts.values()) == row["step"] * BATCH
            for name, weight in WEIGHTS.items():
                assert abs(counts[name] - weight * row["step"] * BATCH) < 2


@pytest.mark.slow
@pytest.mark.ranks(2)
@pytest.mark.parametrize(("kind", "name"), [("image-classification", "digits"), ("ctc", "morse")])
def test_images_and_speech_of_two_parts_are_learned_alike_on_two_ranks(
    kind: str, name: str, tmp_path: Path
) -> None:
    parts = {
        split: {
            "data": {"source": "built-in", "name": name, "train": split, "valid": False},
            "weight": weight,
        }
        for split, weight in (("train", 3), ("validation", 1))
    }
    parts["train"]["data"]["valid"] = "test"
    data = json.dumps({"source": "mixture", "parts": parts, "workers": 1})
    words = [f"data={data}", *SHORT, "run.steps=10"]
    train_each(twin(kind), tmp_path, {"one": (1, ()), "two": (2, ())}, *words)
    assert furthest(losses(tmp_path / "two"), losses(tmp_path / "one")) < 1e-4
    last = [row for row in rows(tmp_path / "two") if "examples/train" in row][-1]
    whole = last["examples/train"] + last["examples/validation"]
    assert abs(last["examples/train"] - 0.75 * whole) < 2
