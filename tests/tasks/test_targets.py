"""A recipe that would learn nothing is refused with its reason before anything is started."""

import json

import pytest

from tests.runs import twin
from zoo.errors import ConfigError
from zoo.recipe import load_recipe
from zoo.tasks.build import build_task
from zoo.tasks.targets import SAMPLED, checked_targets
from zoo.tasks.text.vocabulary import CAUSAL, byte_tokenizer
from zoo.training.checks import ring_two

GOOD = {"prompt": "x" * 300, "completion": "slept"}
TURN = {"role": "user", "content": "hi"}
TEMPLATE = "{% for turn in messages %}{{ turn.content }}{% endfor %}"


@pytest.fixture
def checked(make_recipe, make_source, tmp_path):
    """What is found of rows of the kind causal-lm."""
    tokenizer = byte_tokenizer(CAUSAL)
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(tmp_path / "chat")

    def check(rows):
        recipe = make_recipe("causal-lm", tokenizer=str(tmp_path / "chat"))
        source = make_source("causal-lm", rows)
        return checked_targets(recipe, build_task(recipe, source), source.train)

    return check


def test_prompts_longer_than_the_length_are_no_fault(checked):
    assert checked([GOOD] * 100) == ([], [])


def test_what_is_lost_is_said_at_the_start(checked):
    faults, (line,) = checked([GOOD] * 60 + [{**GOOD, "completion": "y" * 40}] * 40)
    assert not faults
    assert line.startswith(f"of {SAMPLED} sampled train rows some lose targets: ")
    assert line.endswith(" truncated")


def test_chats_without_an_answer_are_refused(checked):
    (fault,), _ = checked([{"messages": [TURN]}] * 40)
    assert fault.key == "task.sequence_length"
    assert fault.found == "0 of 32 sampled train rows with a target: 32 dropped"
    assert "a turn of the assistant" in fault.allowed


def test_messages_in_another_shape_are_refused_by_name(checked):
    (fault,), _ = checked([{"messages": [{"who": "human", "said": "hi"}]}] * 8)
    assert fault.key == "data.train"
    assert "a message of said, who; role and content are wanted" in fault.found


def test_tasks_that_lose_no_targets_are_not_sampled(make_recipe, make_source):
    recipe, source = make_recipe("masked-lm"), make_source("masked-lm")
    assert checked_targets(recipe, build_task(recipe, source), source.train) == ([], [])


def test_the_second_ring_refuses(tmp_path):
    chat = json.dumps({"messages": [TURN]}) + "\n"
    (tmp_path / "train.jsonl").write_text(chat * 16)
    tokenizer = byte_tokenizer(CAUSAL)
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(tmp_path / "chat")
    data = {"source": "files", "folder": str(tmp_path), "train": "train.jsonl", "valid": 0.5}
    words = [f"data={json.dumps(data)}", f"model.tokenizer={tmp_path / 'chat'}"]
    with pytest.raises(ConfigError, match="0 of 8 sampled train rows with a target: 8 dropped"):
        ring_two(load_recipe(twin("causal-lm"), words, tiny=True), 1)
