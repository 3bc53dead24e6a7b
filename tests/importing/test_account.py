"""What is said of each key is true, whatever its value, and where it was said."""

import json
from pathlib import Path
from typing import Any

import pytest

from zoo.errors import ConfigError
from zoo.importing.account import Entry
from zoo.importing.dialects.all import DIALECTS
from zoo.importing.reading import Source
from zoo.importing.telling import words_page
from zoo.importing.whole import Imported, combined, imported
from zoo.importing.word import Dialect, taken
from zoo.recipe.checks.known import node_at
from zoo.recipe.key_table import meanings

STRANGE: tuple[Any, ...] = (None, True, False, -1, 0.5, 10**9, "auto", "strange", [], [1], {})


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def of_words(text: str, **more: Any) -> Imported:
    return imported([], text, more.get("world"), Path("my.json"))


def of_file(content: Any, name: str = "file.json") -> Imported:
    Path(name).write_text(json.dumps(content), encoding="utf-8")
    return imported([Path(name)], None, None, Path("my.json"))


def entry_of(whole: Imported, key: str) -> Entry:
    (entry,) = [one for one in whole.account.entries if one.key == key]
    return entry


@pytest.mark.parametrize("value", STRANGE, ids=repr)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_no_value_of_any_word_is_too_strange_to_be_told_the_truth_about(
    dialect: str, value: Any
) -> None:
    words = DIALECTS[dialect].words
    leaves = {key.replace("**", "one").replace("*", "one"): value for key in words}
    whole = combined([Source("file", dialect, leaves, Path())], None)
    assert [one.key for one in whole.account.entries] == list(leaves)
    for one in whole.account.entries:
        assert one.to or one.why, one
        key = tuple(one.to.split(".")) if one.to else ()
        assert node_at(whole.account.sections, key) is not None, one
        assert not key or whole.account.at(key) is not None, one


def test_a_number_of_processes_that_is_a_word_is_asked_for() -> None:
    whole = of_words("torchrun --nproc_per_node gpu run_clm.py --per_device_train_batch_size 4")
    assert entry_of(whole, "torchrun.nproc_per_node").how == "not possible"
    assert "--world-size" in whole.account.notes[0]


def test_an_object_where_a_file_may_be_named_is_read_as_that_file() -> None:
    whole = of_file(
        {
            "output_dir": "out",
            "per_device_train_batch_size": 2,
            "do_train": True,
            "deepspeed": {"zero_optimization": {"stage": 3}, "gradient_clipping": "auto"},
        }
    )
    assert whole.sections["parallel"]["zero"] == {"stage": 3}
    assert entry_of(whole, "zero_optimization.stage").file == "file.json: deepspeed"
    assert whole.sections["optimizer"]["gradient_clipping"] == 1.0


def test_what_a_script_learns_of_preferences_is_its_loss_with_the_keys_that_it_reads() -> None:
    task = of_words("kto.py --desirable_weight 2 --simpo_gamma 1 --beta 0.2").sections["task"]
    assert (task["kind"], task["loss"], task["beta"]) == ("preference", "kto", 0.2)
    assert task["desirable_weight"] == 2 and "simpo_gamma" not in task
    assert of_words("dpo.py --loss_type ipo").sections["task"]["loss"] == "ipo"
    assert entry_of(of_words("dpo.py --loss_type exo_pair"), "loss_type").how == "not possible"


def test_the_script_scores_the_split_that_it_always_scores() -> None:
    whole = of_words("run_qa.py --dataset_name squad --do_eval")
    assert whole.sections["data"]["valid"] == "validation"
    assert entry_of(whole, "do_eval").to == "data.valid"
    assert "valid" not in of_words("run_qa.py --dataset_name squad").sections["data"]
    trl = of_words("trl sft --dataset_name some/chats --eval_strategy epoch").sections
    assert (trl["data"]["valid"], trl["task"]["sequence_length"]) == ("test", 1024)


def test_what_a_script_does_where_nothing_is_said_is_said_by_the_recipe() -> None:
    whole = of_words("run_qa.py --dataset_name squad --doc_stride 64")
    assert whole.sections["task"]["sequence_length"] == 384
    assert whole.sections["task"]["stride"] == 64
    assert "max_seq_length" in [one.key for one in whole.account.defaults]


def test_the_table_of_words_names_no_key_that_no_recipe_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(DIALECTS, "own", Dialect("own", (), {"one": taken("model.nothing")}))
    rows = [line.split(" | ") for line in words_page().splitlines() if line.startswith("| `")]
    keys = {row[2].strip("` ") for row in rows} - {""}
    assert all("*" in key or meanings(tuple(key.split("."))) for key in keys)
    assert ["| `one`", "not possible", "", "no recipe has model.nothing |"] in rows


def test_columns_of_two_answers_are_those_that_a_type_stands_for() -> None:
    said = {"base_model": "gpt2", "rl": "dpo", "micro_batch_size": 1}
    part = {"path": "one/set", "type": "chatml.argilla", "split": "train"}
    columns = of_file({**said, "datasets": [part]}).sections["data"]["columns"]
    assert columns == {
        "prompt": "instruction",
        "chosen": "chosen_response",
        "rejected": "rejected_response",
    }
    own = {
        **part,
        "type": {"field_prompt": "asked", "field_chosen": "good", "field_rejected": "bad"},
    }
    columns = of_file({**said, "datasets": [own]}).sections["data"]["columns"]
    assert columns == {"prompt": "asked", "chosen": "good", "rejected": "bad"}


def registry(**sets: Any) -> dict[str, Any]:
    """A file of LLaMA-Factory that names these sets, which `data/dataset_info.json` holds."""
    Path("data").mkdir()
    Path("data/dataset_info.json").write_text(json.dumps(sets), encoding="utf-8")
    return {"stage": "sft", "model_name_or_path": "gpt2", "dataset": ",".join(sets)}


def test_data_sets_that_a_registry_knows_are_read_from_it() -> None:
    said = registry(
        own={"file_name": "own.json", "columns": {"prompt": "ask", "response": "answer"}},
        chats={
            "hf_hub_url": "some/chats",
            "formatting": "sharegpt",
            "columns": {"messages": "talk"},
        },
    )
    parts = of_file(said).sections["data"]["parts"]
    own, chats = parts["own"]["data"], parts["chats"]["data"]
    assert (own["source"], own["train"]) == ("files", "data/own.json")
    assert own["columns"] == {"instruction": "ask", "output": "answer"}
    assert (chats["name"], chats["columns"]) == ("some/chats", {"messages": "talk"})


def test_a_data_set_that_no_registry_knows_is_a_fault_with_the_nearest_name() -> None:
    said = {**registry(identity={"file_name": "identity.json"}), "dataset": "identitty"}
    with pytest.raises(ConfigError, match="did you mean identity"):
        of_file(said)


def test_instructions_are_written_as_axolotl_writes_them_unless_chats_are_learned_too() -> None:
    alpaca, chats = ({"path": f"one/{kind}", "type": kind} for kind in ("alpaca", "chat_template"))
    said = {"base_model": "gpt2", "micro_batch_size": 1, "sample_packing": True}
    alone = of_file({**said, "datasets": [alpaca]}).sections
    assert alone["model"]["chat_template"] == "alpaca"
    assert alone["task"]["documents"] == "masked"
    assert "chat_template" not in of_file({**said, "datasets": [alpaca, chats]}).sections["model"]


def test_a_script_s_columns_are_those_that_its_kind_of_task_reads() -> None:
    words = "run_speech_recognition_ctc.py --dataset_name some/clips --text_column_name sentence"
    assert of_words(words).sections["data"]["columns"] == {"transcript": "sentence"}
    ner = of_words("run_ner.py --dataset_name conll2003").sections["data"]
    assert ner["columns"] == {"tokens": "tokens", "tags": "ner_tags"}


def test_what_is_learned_is_what_the_tool_learns_and_else_it_is_said() -> None:
    reward = of_words("trl reward --dataset_name some/pairs").sections["task"]
    assert (reward["kind"], reward["problem"]) == ("sequence-classification", "pairs")
    assert of_words("sft.py --loss_type nll").sections["task"]["kind"] == "causal-lm"
    whole = of_file({"base_model": "gpt2", "micro_batch_size": 1, "rl": "grpo", "val_set_size": 0})
    assert "task" not in whole.sections
    assert entry_of(whole, "rl").how == "not possible"


def test_where_no_file_is_named_none_is_said_to_be_read() -> None:
    whole = of_file({"base_model": "gpt2", "micro_batch_size": 1, "deepspeed": None})
    assert entry_of(whole, "deepspeed").how == "no effect"
    whole = of_file({"base_model": "gpt2", "micro_batch_size": 1, "deepspeed": True})
    assert entry_of(whole, "deepspeed").how == "not possible"
