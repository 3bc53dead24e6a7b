"""Chats are written as the formats are documented, and what ends an answer ends a generation."""

import json
import re

import numpy as np
import pytest

from zoo.data.rows import CorruptExample
from zoo.errors import ConfigError
from zoo.recipe.spec.model import TEMPLATES
from zoo.tasks.build import build_task
from zoo.tasks.task import IGNORE
from zoo.tasks.text.chats.templates import SPECIALS, shipped
from zoo.tasks.text.vocabulary import CAUSAL, CHAT, byte_tokenizer

TALK = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "hi"},
    {"role": "assistant", "content": "yo"},
    {"role": "user", "content": "why"},
    {"role": "assistant", "content": "so"},
]
CALLED = [
    {"role": "user", "content": "hot?"},
    {"role": "assistant", "tool_calls": [{"function": {"name": "t", "arguments": '{"of": "x"}'}}]},
    {"role": "tool", "content": "31"},
    {"role": "assistant", "content": "Yes."},
]
TOOLS = [{"type": "function", "function": {"name": "t", "parameters": {}}}]
WRITTEN = {
    "chatml": "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nhi<|im_end|>\n"
    "<|im_start|>assistant\nyo<|im_end|>\n<|im_start|>user\nwhy<|im_end|>\n"
    "<|im_start|>assistant\nso<|im_end|>\n",
    "llama3": "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>"
    "<|start_header_id|>user<|end_header_id|>\n\nhi<|eot_id|>"
    "<|start_header_id|>assistant<|end_header_id|>\n\nyo<|eot_id|>"
    "<|start_header_id|>user<|end_header_id|>\n\nwhy<|eot_id|>"
    "<|start_header_id|>assistant<|end_header_id|>\n\nso<|eot_id|>",
    "zephyr": "<|system|>\nBe brief.<|endoftext|>\n<|user|>\nhi<|endoftext|>\n"
    "<|assistant|>\nyo<|endoftext|>\n<|user|>\nwhy<|endoftext|>\n<|assistant|>\nso<|endoftext|>\n",
    "alpaca": "Be brief.\n\n### Instruction:\nhi\n\n### Response:yo<|endoftext|>\n\n"
    "### Instruction:\nwhy\n\n### Response:so<|endoftext|>",
}
LEARNED = {
    "chatml": "yo<|im_end|>\nso<|im_end|>\n",
    "llama3": "yo<|eot_id|>so<|eot_id|>",
    "zephyr": "yo<|endoftext|>\nso<|endoftext|>\n",
    "alpaca": "yo<|endoftext|>so<|endoftext|>",
}
ENDS = {name: re.findall(r"<\|[a-z_]+\|>", said)[0] for name, said in LEARNED.items()}


@pytest.fixture
def made(make_recipe, make_source):
    """made(template, rows, **model): the task, and what is learned of the first row."""

    def make(template, rows, **model):
        chosen = {} if template is None else {"chat_template": template}
        recipe = make_recipe("causal-lm", {"sequence_length": 640}, **chosen, **model)
        recipe = recipe.model_copy(
            update={"model": recipe.model.model_copy(update={"config": LONG})}
        )
        task = build_task(recipe, make_source("causal-lm", rows))
        example = task.example(rows[0], np.random.default_rng(0), True)
        learned = [token for token in example["labels"] if token != IGNORE]
        return task, task.tokenizer.decode(example["ids"]), task.tokenizer.decode(learned)

    return make


LONG = {
    "model_type": "llama", "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
    "intermediate_size": 16, "max_position_embeddings": 1024,
}  # fmt: skip


def test_every_name_that_a_recipe_may_say_has_a_template() -> None:
    assert set(SPECIALS) == set(TEMPLATES) and all(map(shipped, TEMPLATES))


@pytest.mark.parametrize("name", TEMPLATES)
def test_chats_are_written_as_documented_and_answers_alone_are_learned(name, made, tmp_path):
    task, whole, learned = made(name, [{"messages": TALK}], tokenizer="bytes")
    assert (whole, learned) == (WRITTEN[name], LEARNED[name])
    task.save(tmp_path)
    end = task.tokenizer.convert_tokens_to_ids(ENDS[name])
    assert task.tokenizer.eos_token_id == end
    assert json.loads((tmp_path / "generation_config.json").read_text())["eos_token_id"] == end


@pytest.mark.parametrize("name", ["chatml", "llama3"])
def test_calls_results_and_tools_are_kept(name, made):
    row = {"messages": CALLED, "tools": json.dumps(TOOLS)}
    _, whole, learned = made(name, [row], tokenizer="bytes")
    key = "arguments" if name == "chatml" else "parameters"
    assert f'{{"name": "t", "{key}": {{"of": "x"}}}}' in learned
    assert "31" in whole and "31" not in learned and learned.count(ENDS[name]) == 2
    assert whole.index(json.dumps(TOOLS[0])) < whole.index("hot?")


@pytest.mark.parametrize("name", ["zephyr", "alpaca"])
def test_a_template_without_place_for_tools_refuses_them(name, made):
    with pytest.raises(CorruptExample, match="no place for tools"):
        made(name, [{"messages": CALLED}], tokenizer="bytes")


def test_tools_that_a_template_never_mentions_are_not_lost_in_silence(made, tmp_path):
    file = tmp_path / "mine.jinja"
    file.write_text("{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}")
    with pytest.raises(CorruptExample, match="tools, of which the chat template says nothing"):
        made(str(file), [{"messages": CALLED}], tokenizer="bytes")


@pytest.mark.parametrize(
    ("about", "said"),
    [("soup", ", paired with an input that provides further context."), (None, ".")],
)
def test_alpacas_columns_are_written_as_alpaca_was_trained(about, said, made):
    row = {"instruction": "Name one.", "input": about, "output": "Leek."}
    _, whole, learned = made("alpaca", [row], tokenizer="bytes")
    given = "\n\n### Input:\nsoup" if about else ""
    assert whole == (
        f"Below is an instruction that describes a task{said} Write a response that appropriately "
        f"completes the request.\n\n### Instruction:\nName one.{given}\n\n"
        "### Response:Leek.<|endoftext|>"
    )
    assert learned == "Leek.<|endoftext|>"
    _, whole, _ = made("chatml", [row], tokenizer="bytes")
    assert f"user\nName one.{f'{chr(10)}{chr(10)}soup' if about else ''}<|im_end|>" in whole


def test_an_end_that_is_another_ends_generation_beside_the_models_own(made, tmp_path):
    tokenizer = byte_tokenizer({"eos_token": "<|endoftext|>", **{"pad_token": "<|im_end|>"}})
    tokenizer.save_pretrained(tmp_path / "own")
    (tmp_path / "own" / "generation_config.json").write_text('{"eos_token_id": 256}')
    task, _, _ = made("chatml", [{"messages": TALK}], tokenizer=str(tmp_path / "own"))
    assert task.ends == (257,) and task.tokenizer.eos_token == "<|im_end|>"
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "generation_config.json").write_text('{"eos_token_id": 256}')
    task.save(tmp_path / "out")
    found = json.loads((tmp_path / "out" / "generation_config.json").read_text())
    assert found["eos_token_id"] == [257, 256]


@pytest.mark.parametrize(
    ("template", "specials", "said"),
    [
        ("chatml", CAUSAL, "chatml with a tokenizer of which nothing ends"),
        ("zephyr", {"bos_token": "<s>"}, "zephyr with a tokenizer of which"),
        ("./missing.jinja", CHAT, "missing.jinja .No such file"),
        ("{% for", CHAT, "line 1: "),
        (None, CAUSAL, "did you mean model.chat_template=alpaca"),
    ],
)
def test_a_template_that_does_not_fit_is_a_fault(template, specials, said, made, tmp_path):
    byte_tokenizer(specials).save_pretrained(tmp_path / "own")
    if template and template[0] == "{":
        (tmp_path / "odd.jinja").write_text(template)
        template = str(tmp_path / "odd.jinja")
    with pytest.raises(ConfigError, match=said):
        made(template, [{"messages": TALK}], tokenizer=str(tmp_path / "own"))


def test_a_file_whose_answers_nothing_ends_is_told(made, tmp_path):
    file = tmp_path / "open.jinja"
    file.write_text("{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}")
    task, _, _ = made(str(file), [{"messages": TALK[1:]}], tokenizer="bytes")
    assert any("generation ends by length alone" in note for note in task.notes)
    assert task.ends == ()


def test_another_template_is_another_thing_to_learn(made):
    rows = [{"messages": TALK}]
    one, other = (made(name, rows, tokenizer="bytes")[0].digests() for name in TEMPLATES[:2])
    assert one["chat template"] != other["chat template"]
