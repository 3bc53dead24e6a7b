"""Files of other tools become a recipe, and every key of theirs is accounted for."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.commands import forked
from zoo.importing.reading import read
from zoo.importing.whole import Imported, imported

FOLDER = Path(__file__).parent / "files"
FILES = sorted(FOLDER.iterdir())
KINDS = {"ds": "deepspeed", "accelerate": "accelerate", "axolotl": "axolotl", "lf": "llama-factory",
         "run": "command", "arguments": "arguments"}  # fmt: skip


@pytest.fixture(autouse=True)
def among_the_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Paths are those of the folder of the files."""
    monkeypatch.chdir(FOLDER)


def whole_of(*names: str, command: str | None = None, **more: Any) -> Imported:
    files = [one for name in names for one in FILES if one.stem == name]
    assert len(files) == len(names)
    return imported(files, command, more.get("world"), more.get("out", FOLDER / "my.json"))


def recipe_of(*names: str, **more: Any) -> dict[str, Any]:
    return whole_of(*names, **more).sections


def keys_in(file: Path) -> set[str]:
    """The last names of the keys in a file, as a stranger's eye finds them."""
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".sh":
        words = shlex.split(text.replace("\\\n", " "), comments=True)
        flags = {word[2:].split("=")[0] for word in words if word.startswith("--")}
        return {flag.replace("-", "_") for flag in flags}
    value = json.loads(text) if file.suffix == ".json" else yaml.safe_load(text)
    return set(_names(value))


def _names(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [n for k, v in value.items() for n in (_names(v) if v and _deep(v) else [str(k)])]
    return [name for one in value for name in _names(one)]


def _deep(value: Any) -> bool:
    objects = isinstance(value, list) and all(isinstance(one, dict) for one in value)
    return isinstance(value, dict) or objects


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
def test_a_file_is_recognised_and_each_of_its_keys_accounted_for(file: Path) -> None:
    assert read(file).dialect == KINDS[file.stem.split("_")[0]]
    whole = imported([file], None, None, FOLDER / "my.json")
    entries = [one for one in whole.account.entries if one.file == str(file)]
    assert {one.key.rsplit(".", 1)[-1] for one in entries} - {"script"} == keys_in(file)
    for one in entries:
        assert one.to or one.why, one
        assert one.why != "an unknown key", one
        if one.to:
            assert one.how in ("taken", "derived"), one
            assert whole.account.at(tuple(one.to.split("."))) is not None, one


@pytest.mark.slow
@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
def test_the_recipe_passes_the_check_or_the_account_says_all_that_is_missing(
    file: Path, tmp_path: Path
) -> None:
    said = forked("import", str(file), "--out", str(tmp_path / "my.json"), "--json", folder=FOLDER)
    missing = json.loads(said.stdout)["missing"]
    checked = forked("check", str(tmp_path / "my.json"))
    assert checked.returncode == (2 if missing else 0)
    assert [line for line in checked.stderr.splitlines() if "found" in line] == missing


@pytest.mark.parametrize("name", ["axolotl_sft", "axolotl_lora", "run_glue", "arguments_trainer"])
def test_what_says_all_becomes_a_recipe_without_faults(name: str, tmp_path: Path) -> None:
    (file,) = [one for one in FILES if one.stem == name]
    said = forked("import", str(file), "--out", str(tmp_path / "my.json"), "--json", folder=FOLDER)
    assert json.loads(said.stdout)["missing"] == []


def test_a_deepspeed_file_is_filled_from_the_command_line() -> None:
    recipe = recipe_of("ds_z2", "run_glue")
    assert recipe["run"]["batch"] == 32
    assert recipe["run"]["micro_batch"] == 8
    assert recipe["run"]["precision"] == "bf16"
    assert recipe["parallel"]["zero"] == {"stage": 2, "offload_optimizer": {"device": "cpu"}}
    assert recipe["optimizer"]["params"]["lr"] == 2e-5
    assert recipe["data"] == {"base": "glue-mrpc"}


def test_a_file_that_another_one_names_is_read_too_and_one_that_is_missing_is_said() -> None:
    whole = whole_of("arguments_trainer")
    assert whole.sections["parallel"]["zero"]["stage"] == 2
    said = {one.key: one for one in whole.account.entries}
    assert said["deepspeed"].why == "it is read as well"
    assert said["zero_optimization.stage"].file == "ds_z2.json"
    gone = whole_of(command="run_clm.py --model_name_or_path gpt2 --deepspeed gone.json")
    (entry,) = [one for one in gone.account.entries if one.key == "deepspeed"]
    assert (entry.how, entry.why) == ("not possible", "no such file: give it to zoo import as well")


def test_a_base_in_4_bits_is_kept_so_as_each_tool_would() -> None:
    bits = {"quant_type": "nf4", "use_double_quant": False}
    assert recipe_of("axolotl_dpo")["model"]["lora"] == {"bnb_4bit": bits}
    trl = "dpo.py --model_name_or_path gpt2 --use_peft --lora_r 4 --load_in_4bit"
    assert recipe_of(command=trl)["model"]["lora"]["bnb_4bit"] == bits
    nested = recipe_of(command=f"{trl} --use_bnb_nested_quant --bnb_4bit_quant_type fp4")
    other = {"quant_type": "fp4", "use_double_quant": True}
    assert nested["model"]["lora"]["bnb_4bit"] == other
    whole = whole_of(command="sft.py --model_name_or_path gpt2 --bnb_4bit_quant_type fp4")
    (entry,) = [one for one in whole.account.entries if one.key == "bnb_4bit_quant_type"]
    assert (entry.how, entry.to) == ("no effect", "")


def test_contradictions_of_two_files_are_named() -> None:
    command = "run_clm.py --per_device_train_batch_size 4 --learning_rate 1e-3"
    whole = whole_of("ds_onebit", command=command)
    assert any("8" in one and "4" in one for one in whole.account.contradictions)
    assert whole.sections["optimizer"]["params"]["lr"] == 1e-3


def test_trackers_of_several_files_are_one_list() -> None:
    whole = whole_of("arguments_trainer", "axolotl_mixed")
    assert whole.sections["run"]["report_to"] == ["wandb"]
    assert whole.sections["run"]["project"] == "firsts"
    (entry,) = [one for one in whole.account.entries if one.key == "report_to"]
    assert entry.why == "the zoo has no comet_ml"
    assert not whole.account.contradictions or "report_to" not in str(whole.account.contradictions)


@pytest.mark.parametrize(
    ("words", "stage"),
    [("full_shard auto_wrap", 3), ("shard_grad_op", 2), ("hybrid_shard offload", 3)],
)
def test_fsdp_is_the_stage_that_shards_the_same(words: str, stage: int) -> None:
    zero = recipe_of(command=f"run_clm.py --fsdp '{words}'")["parallel"]["zero"]
    assert zero["stage"] == stage
    assert ("offload_optimizer" in zero) == ("offload" in words)


def test_a_word_of_fsdp_that_is_none_is_named() -> None:
    (entry,) = [
        one
        for one in whole_of(command="run_clm.py --fsdp full_shrd").account.entries
        if one.key == "fsdp"
    ]
    assert entry.how == "not possible" and "no full_shrd" in entry.why


def test_several_sets_are_parts_of_a_mixture_and_paths_are_seen_from_the_recipe(
    tmp_path: Path,
) -> None:
    data = recipe_of("axolotl_mixed", out=tmp_path / "my.json")["data"]
    assert list(data["parts"]) == ["alpaca", "chats", "alpaca-2"]
    assert data["temperature"] == 1
    chats = data["parts"]["chats"]["data"]
    assert (tmp_path / chats["folder"]).resolve() == FOLDER
    assert (chats["train"], chats["valid"]) == ("data/chats.jsonl", 0.02)
    assert chats["columns"] == {"messages": "conversation"}


def test_a_batch_that_depends_on_how_many_processes_there_are_says_so() -> None:
    assert "--world-size" in whole_of("axolotl_sft").account.notes[0]
    assert whole_of("axolotl_sft", world=8).account.notes == []
    assert whole_of("axolotl_sft", world=8).sections["run"]["batch"] == 8


def test_an_adapter_has_the_rank_that_its_tool_gives_it() -> None:
    assert recipe_of("lf_lora")["model"]["lora"] == {
        "r": 16, "alpha": 32, "target_modules": "all-linear",
    }  # fmt: skip
    assert "lora" not in recipe_of("lf_sft")["model"]


def test_a_config_without_weights_begins_from_random_ones() -> None:
    model = recipe_of("run_mlm")["model"]
    assert model["name"] == "roberta-base" and model["weights"] == "random"
    assert model["config"] == {"num_hidden_layers": 6, "hidden_size": 384}
