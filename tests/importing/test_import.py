"""Files of other tools become a recipe, and every key of theirs is accounted for."""

from pathlib import Path
from typing import Any

import pytest

from zoo.importing.reading import read
from zoo.importing.whole import imported

FILES = sorted((Path(__file__).parent / "files").iterdir())
KINDS = {"ds": "deepspeed", "accelerate": "accelerate", "axolotl": "axolotl", "lf": "llama-factory",
         "run": "command"}  # fmt: skip


def recipe_of(*names: str, **more: Any) -> dict[str, Any]:
    files = [one for name in names for one in FILES if one.stem == name]
    return imported(files, more.get("command"), more.get("world")).sections


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
def test_a_file_is_recognised_and_each_of_its_keys_accounted_for(file: Path) -> None:
    source = read(file)
    assert source.dialect == KINDS[file.stem.split("_")[0]]
    entries = imported([file], None, None).account.entries
    assert [one.key for one in entries] == list(source.leaves)
    assert all(one.how == "taken" or one.why for one in entries), entries
    assert not [one.key for one in entries if one.why == "an unknown key"]


def test_a_deepspeed_file_is_filled_from_the_command_line() -> None:
    recipe = recipe_of("ds_z2", "run_glue")
    assert recipe["run"]["batch"] == 32
    assert recipe["run"]["micro_batch"] == 8
    assert recipe["run"]["precision"] == "bf16"
    assert recipe["parallel"]["zero"] == {"stage": 2, "offload_optimizer": {"device": "cpu"}}
    assert recipe["optimizer"]["params"]["lr"] == 2e-5
    assert recipe["data"] == {"base": "glue-mrpc"}


def test_contradictions_of_two_files_are_named() -> None:
    files = [one for one in FILES if one.stem == "ds_onebit"]
    whole = imported(files, "run_clm.py --per_device_train_batch_size 4 --learning_rate 1e-3", None)
    assert any("8" in one and "4" in one for one in whole.account.contradictions)
    assert whole.sections["optimizer"]["params"]["lr"] == 1e-3


def test_fsdp_is_the_stage_that_shards_the_same() -> None:
    assert recipe_of("accelerate_fsdp")["parallel"]["zero"]["stage"] == 3
