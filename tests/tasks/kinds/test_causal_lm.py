import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from transformers import AutoTokenizer

from zoo.errors import ConfigError
from zoo.tasks.build import build_task, head_class
from zoo.tasks.task import IGNORE
from zoo.tasks.text.vocabulary import CAUSAL, byte_tokenizer

CHAT = (
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
TALK = [
    {"role": "user", "content": "hi"},
    {"role": "assistant", "content": "yo"},
    {"role": "user", "content": "why"},
    {"role": "assistant", "content": "so"},
]


@pytest.fixture
def packed(make_recipe, make_source):
    task = build_task(make_recipe("causal-lm"), make_source("causal-lm"))
    return task, task.rows(make_source("causal-lm").train)


@pytest.fixture
def chat_model(tmp_path):
    """A folder with a byte tokenizer that has a chat template."""
    from zoo.tasks.text.vocabulary import CAUSAL, byte_tokenizer

    tokenizer = byte_tokenizer(CAUSAL)
    tokenizer.chat_template = CHAT
    tokenizer.save_pretrained(tmp_path / "chat")
    return str(tmp_path / "chat")


def test_a_block_predicts_each_of_its_next_tokens(packed, make_batch):
    task, rows = packed
    batch = make_batch(task, rows, 2)
    ids, labels = batch["inputs"]["input_ids"], batch["labels"]["labels"]
    assert ids.shape == labels.shape == (2, 16)
    assert torch.equal(ids[:, 1:], labels[:, :-1])
    assert ids[1, 0] == labels[0, -1]  # blocks share one token, so that each is a target once
    assert batch["count"] == 32


def test_bytes_need_no_special_token(packed):
    task, _ = packed
    assert task.config.vocab_size == 256
    assert (task.config.bos_token_id, task.config.eos_token_id) == (None, None)


def test_bits_per_byte_of_bytes_are_the_loss_in_bits(packed, make_batch):
    task, rows = packed
    batch = make_batch(task, rows)
    logits = torch.randn(4, 16, 256)
    scores = task.score(task.tally({"logits": logits}, batch))
    mean = F.cross_entropy(logits.flatten(0, 1), batch["labels"]["labels"].flatten())
    assert scores["loss"] == pytest.approx(float(mean), rel=1e-6)
    assert scores["perplexity"] == pytest.approx(math.exp(scores["loss"]))
    assert scores["bits_per_byte"] == pytest.approx(scores["loss"] / math.log(2))


def test_the_models_own_loss_is_the_same(packed, make_batch):
    task, rows = packed
    batch = make_batch(task, rows, 1)
    torch.manual_seed(0)
    model = head_class("causal-lm").from_config(task.config).eval()
    ids, labels = batch["inputs"]["input_ids"], batch["labels"]["labels"]
    block = torch.cat([ids[:, :1], labels], 1)
    own = model(input_ids=block, labels=block).loss
    ours = task.loss(model(**batch["inputs"]), batch) / batch["count"]
    torch.testing.assert_close(ours.detach(), own.detach(), check_dtype=False)


def test_only_completions_are_targets(make_recipe, make_source, make_batch):
    rows = [{"prompt": "ab", "completion": "cde"}, {"prompt": "a", "completion": "b"}]
    task = build_task(make_recipe("causal-lm"), make_source("causal-lm", rows))
    batch = make_batch(task, task.rows(make_source("causal-lm", rows).train), 2)
    eos = task.tokenizer.eos_token_id
    assert batch["inputs"]["input_ids"].tolist() == [
        [97, 98, 99, 100, 101],
        [97, 98, eos, eos, eos],
    ]
    assert batch["inputs"]["attention_mask"].tolist() == [[1] * 5, [1, 1, 0, 0, 0]]
    hidden = IGNORE
    assert batch["labels"]["labels"].tolist() == [
        [hidden, 99, 100, 101, eos],
        [98, eos, hidden, hidden, hidden],
    ]
    assert batch["labels"]["bytes"].tolist() == [3.0, 1.0]
    assert batch["count"] == 6


def test_loss_on_all_makes_targets_of_prompts_too(make_recipe, make_source, make_batch):
    rows = [{"prompt": "ab", "completion": "cde"}]
    recipe = make_recipe("causal-lm", {"loss_on": "all"})
    task = build_task(recipe, make_source("causal-lm", rows))
    assert make_batch(task, rows, 1)["count"] == 5


def test_long_conversations_are_cut_to_the_length(make_recipe, make_source, make_batch):
    rows = [{"prompt": "x" * 10, "completion": "y" * 50}]
    task = build_task(make_recipe("causal-lm"), make_source("causal-lm", rows))
    batch = make_batch(task, rows, 1)
    assert batch["inputs"]["input_ids"].shape == (1, 16)
    assert batch["count"] == 9
    assert batch["lost"] == {"dropped": 0, "truncated": 1}


def test_a_prompt_longer_than_the_length_keeps_its_completion(make_recipe, make_source, make_batch):
    rows = [{"prompt": "x" * 300, "completion": "slept"}, {"prompt": "x" * 300, "completion": ""}]
    task = build_task(make_recipe("causal-lm"), make_source("causal-lm", rows))
    example = task.example(rows[0], np.random.default_rng(0), True)
    assert bytes(i for i in example["labels"] if i not in (IGNORE, 256)) == b"slept"
    batch = make_batch(task, rows, 2)
    assert batch["count"] == 7  # five letters and two ends
    assert batch["lost"] == {"dropped": 0, "truncated": 0}


def test_a_chat_that_marks_nothing_is_counted(make_recipe, make_source, make_batch, chat_model):
    rows = [{"messages": TALK[:1]}, {"messages": TALK}, {"messages": TALK[:1]}]
    recipe = make_recipe("causal-lm", {"sequence_length": 60}, tokenizer=chat_model)
    task = build_task(recipe, make_source("causal-lm", rows))
    assert make_batch(task, rows, 3, padding=1)["lost"] == {"dropped": 1, "truncated": 0}


def test_in_a_chat_only_the_assistant_is_learned(make_recipe, make_source, chat_model):
    rows = [{"messages": TALK}]
    recipe = make_recipe("causal-lm", {"sequence_length": 60}, tokenizer=chat_model)
    task = build_task(recipe, make_source("causal-lm", rows))
    example = task.example(rows[0], np.random.default_rng(0), True)
    learned = [i for i in example["labels"] if i != IGNORE]
    assert task.tokenizer.decode(learned) == "yo\nso\n"
    whole = task.tokenizer.apply_chat_template(TALK, tokenize=False)
    assert task.tokenizer.decode(example["ids"]) == whole
    assert example["bytes"] == 6.0


def test_a_named_tokenizer_needs_a_template_for_chats(make_recipe, make_source, tmp_path):
    byte_tokenizer(CAUSAL).save_pretrained(tmp_path)
    recipe = make_recipe("causal-lm", tokenizer=str(tmp_path))
    with pytest.raises(ConfigError, match="chat template"):
        build_task(recipe, make_source("causal-lm", [{"messages": TALK}]))


def test_a_tokenizer_made_here_writes_chats_as_chatml(make_recipe, make_source):
    talk = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "yo"}]
    recipe = make_recipe("causal-lm", {"sequence_length": 60}, tokenizer="bytes")
    task = build_task(recipe, make_source("causal-lm", [{"messages": talk}]))
    example = task.example({"messages": talk}, np.random.default_rng(0), True)
    learned = task.tokenizer.decode([i for i in example["labels"] if i != IGNORE])
    assert learned == "yo<|im_end|>\n"


def test_missing_columns_are_named_with_the_nearest(make_recipe, make_source):
    source = make_source("causal-lm", [{"texts": "a"}])
    with pytest.raises(ConfigError) as caught:
        build_task(make_recipe("causal-lm"), source)
    faults = caught.value.faults
    assert [fault.key for fault in faults] == ["data.columns.text"] * 2  # train and valid
    assert faults[0].found == "columns texts in the train set"
    assert faults[0].nearest == "data.columns.text=texts"


def test_blocks_must_fit_the_models_positions(make_recipe, make_source):
    recipe = make_recipe("causal-lm", {"sequence_length": 65})
    with pytest.raises(ConfigError, match=r"task\.sequence_length: found 65; allowed: at most 64"):
        build_task(recipe, make_source("causal-lm"))


def test_the_exported_tokenizer_is_the_one_trained_with(make_recipe, make_source, tmp_path):
    recipe = make_recipe("causal-lm", tokenizer={"train": "bpe", "vocab_size": 300})
    task = build_task(recipe, make_source("causal-lm"))
    task.save(tmp_path)
    task.config.save_pretrained(tmp_path)
    again = AutoTokenizer.from_pretrained(tmp_path)
    assert again("the fox")["input_ids"] == task.tokenizer("the fox")["input_ids"]
    assert task.config.eos_token_id == again.eos_token_id == task.config.vocab_size - len(again)


def test_a_checkpoint_scores_as_plain_transformers_does(
    data_root, make_recipe, make_source, make_batch
):
    from transformers import AutoModelForCausalLM

    folder = str(data_root / "ckpt_aidreams260k")
    rows = [{"text": "Once upon a time, there was a little girl named Lily. " * 20}]
    recipe = make_recipe(
        "causal-lm", {"sequence_length": 64}, name=folder, config={}, tokenizer=None
    )
    task = build_task(recipe, make_source("causal-lm", rows))
    batch = make_batch(task, task.rows(make_source("causal-lm", rows).train), 1)
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    ids, labels = batch["inputs"]["input_ids"], batch["labels"]["labels"]
    block = torch.cat([ids[:, :1], labels], 1)
    own = model(input_ids=block, labels=block).loss
    ours = task.score(task.tally(model(**batch["inputs"]), batch))
    assert ours["loss"] == pytest.approx(own.item(), rel=1e-5)
