"""A run knows what it was trained on, and is scored without it; saving again adds nothing."""

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.ranks import started
from tests.runs import losses, rows
from zoo.errors import ConfigError, ResumeError
from zoo.recipe import load_recipe
from zoo.training.disk.resuming import Start
from zoo.training.evaluate import evaluate, export_folder
from zoo.training.loop import Fit
from zoo.training.run import run

MODEL = {
    "model_type": "bert",
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
}
FEELINGS = [
    {"text": f"{('bad poor sad ', 'good fine nice ')[n % 2]}{n}", "label": ("neg", "pos")[n % 2]}
    for n in range(24)
]


def lines(content: Sequence[dict[str, Any]]) -> str:
    """Rows as a file of JSON lines."""
    return "".join(json.dumps(row) + "\n" for row in content)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data, a recipe that trains a tokenizer on them, and its finished run."""
    root = tmp_path_factory.mktemp("run")
    for name in ("train.jsonl", "valid.jsonl"):
        (root / name).write_text(lines(FEELINGS))
    data = {"source": "files", "folder": str(root), "workers": 0}
    data |= {"train": "train.jsonl", "valid": "valid.jsonl"}
    recipe = {
        "task": {"kind": "sequence-classification", "sequence_length": 16},
        "model": {"config": MODEL, "tokenizer": {"train": "wordpiece", "vocab_size": 60}},
        "data": data,
        "optimizer": {"type": "AdamW", "params": {"lr": 0.01}},
        "run": {"steps": 4, "batch": 8, "micro_batch": 8, "folder": str(root / "run")},
    }
    recipe["run"] |= {"log_every": 1, "save_every": 2, "keep": 9, "report_to": []}
    (root / "recipe.json").write_text(json.dumps(recipe))
    assert ended(root / "recipe.json") == 0
    return root


def train(recipe: Path, words: Sequence[str], start: Start) -> int:
    """`zoo train`, and the exit code of a refusal."""
    try:
        return run(load_recipe(recipe, words), start)
    except ResumeError:
        return 2


def ended(recipe: Path, *words: str, start: Start = Start()) -> int | None:  # noqa: B008
    """How a run ends, in a process of its own."""
    process = started(train, recipe, words, start)
    process.join(240)
    return process.exitcode


def copied(place: Path, folder: Path) -> Path:
    """A copy of the run, which goes on where it lies."""
    return Path(shutil.copytree(place / "run", folder))


def status(folder: Path) -> dict[str, Any]:
    """What status.json says."""
    values: dict[str, Any] = json.loads((folder / "status.json").read_text())
    return values


def test_other_train_rows_are_refused_until_they_are_accepted(place: Path, tmp_path: Path) -> None:
    folder = copied(place, tmp_path / "x")
    recipe = (folder / "recipe.json").read_text()
    before = (place / "train.jsonl").read_text()
    try:
        (place / "train.jsonl").write_text(lines(FEELINGS[:16]))
        assert ended(folder, "run.steps=5") == 2
        found = status(folder)
        assert (found["state"], found["exit_code"]) == ("refused", 2)
        assert "train rows: the run has 24, now 16" in found["error"]
        assert json.loads(recipe)["run"]["steps"] == 4
        assert json.loads((folder / "recipe.json").read_text())["run"]["steps"] == 4
        assert ended(folder, "run.steps=5", start=Start(accept_data=True)) == 0
    finally:
        (place / "train.jsonl").write_text(before)
    assert [row["step"] for row in rows(folder) if "loss" in row] == [1, 2, 3, 4, 5]
    learned = json.loads((folder / "checkpoints/step-00000005/progress.json").read_text())
    assert learned["progress"]["learned"]["rows"]["count"] == 16
    card = (folder / "model" / "README.md").read_text()
    assert "- `run.steps=5`" in card and "run.folder" not in card


def test_a_run_is_scored_and_exported_without_its_train_rows(place: Path, tmp_path: Path) -> None:
    then = next(row for row in rows(place / "run") if "valid/loss" in row)
    never_exported = copied(place, tmp_path / "stopped")
    shutil.rmtree(never_exported / "model")
    (place / "train.jsonl").rename(place / "away")
    try:
        for number, folder in enumerate((place / "run" / "model", never_exported)):
            process = started(scored, folder, tmp_path / str(number))
            process.join(240)
            now = json.loads((tmp_path / str(number)).read_text())
            assert now["valid/accuracy"] == then["valid/accuracy"]
            assert now["valid/loss"] == pytest.approx(then["valid/loss"], rel=1e-5)
        assert export_folder(never_exported, tmp_path / "out") == tmp_path / "out"
    finally:
        (place / "away").rename(place / "train.jsonl")
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert config["id2label"] == {"0": "neg", "1": "pos"}


def scored(folder: Path, out: Path) -> int:
    """`zoo eval`."""
    out.write_text(json.dumps(evaluate(folder, "valid")))
    return 0


def rewritten(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Changes the progress of a checkpoint, and its manifest with it."""
    path, manifest = folder / "progress.json", folder / "manifest.json"
    values = json.loads(path.read_text())
    change(values["progress"])
    path.write_text(json.dumps(values))
    entries = json.loads(manifest.read_text())
    content = path.read_bytes()
    entries[path.name] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    manifest.write_text(json.dumps(entries))


def test_a_step_that_was_saved_before_it_was_scored_is_saved_once(
    place: Path, tmp_path: Path
) -> None:
    folder = copied(place, tmp_path / "x")
    last = folder / "checkpoints" / "step-00000004"
    rewritten(last, lambda progress: progress.update(evaluated=0, best=None, best_step=None))
    state = (last / "state-00000.safetensors").stat()
    assert ended(folder) == 0
    assert {path.name for path in last.parent.iterdir()} == {"step-00000002", last.name}
    assert (last / "state-00000.safetensors").stat().st_ino == state.st_ino
    assert (folder / "best").read_text().strip() == last.name
    assert len([row for row in rows(folder) if "valid/loss" in row]) == 1


def test_a_run_goes_back_to_a_step_and_keeps_what_came_after_by_name(
    place: Path, tmp_path: Path
) -> None:
    folder = copied(place, tmp_path / "x")
    before = losses(folder)
    assert ended(folder, start=Start(from_step=3)) == 2
    assert ended(folder, start=Start(from_step=2)) == 0
    assert losses(folder) == before
    exports = {(folder / name / "checkpoint.txt").read_text() for name in ("model", "model.1")}
    assert len(exports) == 2, "the step that was saved anew is exported anew"
    kept = {path.name for path in (folder / "checkpoints").iterdir()}
    assert kept == {"step-00000002", "step-00000004", "step-00000004.superseded-1"}
    superseded = (folder / "metrics-superseded.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in superseded] == [3, 4, 4]


def test_a_score_that_there_is_not_ends_a_run_with_those_that_there_are(place: Path) -> None:
    recipe, saves = load_recipe(place / "recipe.json"), []
    changed = recipe.run.model_copy(update={"best_metric": "valid/f1"})
    fit: Any = SimpleNamespace(
        recipe=recipe.model_copy(update={"run": changed}), save=lambda: saves.append(1)
    )
    row = {"valid/loss": 1.0, "valid/macro_f1": 0.5}
    with pytest.raises(ConfigError, match=r"run\.best_metric: found valid/f1; allowed: valid/loss"):
        Fit.best_metric(fit, row)
    assert saves == [1], "the step is saved first"
