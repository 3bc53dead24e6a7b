"""Runs of GPUs are prepared, exported and scored on a CPU; an export moves nothing else."""

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.commands import forked
from tests.ranks import run_ranks
from tests.training.test_old_run import OLD
from zoo.errors import ConfigError
from zoo.training.evaluate import evaluate, export_folder

KERNELS = {"model.attention": "flash_attention_2", "run.precision": "bf16"}
KERNELS |= {"model.batch_norm": "synchronized"}
HALF = {"run.precision": "fp16"}


def of_gpus(folder: Path, changes: dict[str, str]) -> Path:
    """The old run as if its recipe had asked for what only GPUs have."""
    shutil.copytree(OLD, folder)
    recipe = json.loads((folder / "recipe.json").read_text())
    for key, value in {**changes, "parallel.tensor": 1}.items():
        section, name = key.split(".")
        recipe[section][name] = value
    (folder / "recipe.json").write_text(json.dumps(recipe))
    return folder


def tried(folder: Path, out: Path) -> dict[str, float]:
    """Exports and scores the run in this process."""
    before = os.umask(0o027)
    assert export_folder(folder, out) == out
    os.umask(before)
    return evaluate(folder, "valid")


@pytest.mark.parametrize("changes", [KERNELS, HALF], ids=["kernels", "fp16"])
def test_a_run_of_gpus_is_exported_scored_and_prepared_on_a_cpu(
    changes: dict[str, str], tmp_path: Path
) -> None:
    folder, out = of_gpus(tmp_path / "run", changes), tmp_path / "out"
    [scores] = run_ranks(1, tried, folder, out)
    assert 0 <= scores["valid/top_1"] <= 1
    recipe = json.loads((out / "recipe.json").read_text())
    for key, value in changes.items():
        section, name = key.split(".")
        assert recipe[section][name] == value, "the recipe is what was trained"
    assert "folder" not in recipe["run"]
    dtype = {"bf16": "bfloat16", "fp16": "float16"}.get(changes.get("run.precision", ""), "float32")
    assert json.loads((out / "config.json").read_text())["dtype"] == dtype
    assert {path.stat().st_mode & 0o777 for path in out.iterdir()} == {0o640}
    assert forked("prepare", str(folder)).returncode == 0


def test_an_export_never_moves_what_is_no_export(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(ConfigError, match="which holds other things"):
        export_folder(OLD, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]
