"""Rows of several documents: nothing is seen across, and nothing else changes."""

import numpy as np
import pytest
import torch

from zoo.errors import ConfigError
from zoo.models.families.documents import KEEP_APART
from zoo.models.upstream import supports_sdpa
from zoo.tasks.build import build_task, head_class
from zoo.tasks.task import IGNORE
from zoo.tasks.text.documents import Separator

TALKS = [
    {
        "messages": [
            {"role": "user", "content": asked},
            {"role": "assistant", "content": said},
        ]
    }
    for asked, said in [("hi", "yo"), ("why", "because"), ("x", "y"), ("and then", "no"), ("a", "")]
]
SMALL = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 8,
    "intermediate_size": 16,
    "max_position_embeddings": 256,
}
SIZES = {
    **dict.fromkeys(KEEP_APART, SMALL),
    "gpt2": {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 256},
    "gpt_neox": {name: value for name, value in SMALL.items() if "key" not in name},
    "mistral": {**SMALL, "sliding_window": 8},
    "gemma3_text": {**SMALL, "sliding_window": 8, "num_hidden_layers": 6},
}
NO_DROPOUT = {"attention_dropout": 0.0, "resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}


def made(make_recipe, make_source, documents, rows=TALKS, length=120, model="llama", **more):
    drop = NO_DROPOUT if model == "gpt2" else {}
    config = {"model_type": model, **SIZES.get(model, SMALL), **drop}
    task = {"sequence_length": length, "documents": documents}
    source = make_source("causal-lm", rows)
    made = build_task(make_recipe("causal-lm", task, config=config, **more), source)
    return made, made.rows(source.train)


def summed(task, rows, make_batch, model):
    """The loss of all rows and its gradients."""
    batch = make_batch(task, rows, len(rows))
    model.zero_grad()
    loss = task.loss(model(**batch["inputs"], use_cache=False), batch)
    loss.backward()
    found = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
    return loss.detach(), found, batch


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("model", sorted(KEEP_APART))
def test_packed_chats_have_the_loss_and_gradients_of_chats_apart(
    make_recipe, make_source, make_batch, model, attention
):
    apart, alone = made(make_recipe, make_source, "apart", model=model)
    packed, bins = made(make_recipe, make_source, "masked", model=model)
    assert len(bins) < len(alone)
    if attention == "sdpa" and not supports_sdpa(head_class("causal-lm"), apart.config):
        pytest.skip("the family knows no sdpa")
    torch.manual_seed(0)
    net = head_class("causal-lm").from_config(apart.config, attn_implementation=attention).train()
    loss, gradients, of = summed(apart, alone, make_batch, net)
    again, others, batch = summed(packed, bins, make_batch, net)
    assert batch["count"] == of["count"]
    assert batch["labels"]["bytes"].sum() == of["labels"]["bytes"].sum()
    torch.testing.assert_close(again, loss, rtol=1e-5, atol=0)
    for name, gradient in gradients.items():
        assert (others[name] - gradient).abs().max() < 1e-5 * gradient.abs().max(), name


def test_each_document_begins_at_position_0_and_nothing_hides_its_places(
    make_recipe, make_source, make_batch
):
    task, bins = made(make_recipe, make_source, "masked")
    inputs = make_batch(task, bins, len(bins))["inputs"]
    assert inputs.keys() == {"input_ids", "position_ids"}
    starts = (inputs["position_ids"] == 0) & (inputs["input_ids"] == task.tokenizer.bos_token_id)
    assert int(starts.sum()) == len(TALKS)


def test_rows_are_filled_and_every_row_stands_once(make_recipe, make_source):
    task, bins = made(make_recipe, make_source, "masked")
    members = [bins.members(index) for index in range(len(bins))]
    assert sorted(place for one in members for place in one) == list(range(len(TALKS)))
    assert (task.amounts(bins) <= 120).all()
    assert task.amounts(bins).sum() == bins.sizes.sum() - len(bins)


def test_a_broken_chat_stands_alone(make_recipe, make_source):
    rows = [TALKS[0], {"messages": "no chat"}, TALKS[1]]
    _, bins = made(make_recipe, make_source, "masked", rows)
    assert [1] in [bins.members(index) for index in range(len(bins))]
    assert len(bins) == 2


def test_flash_attention_is_given_one_row(make_recipe, make_source, make_batch):
    task, bins = made(make_recipe, make_source, "masked", attention="flash_attention_2")
    batch = make_batch(task, bins, len(bins))
    assert batch["inputs"]["input_ids"].shape == (1, batch["labels"]["labels"].numel())


@pytest.mark.parametrize(
    ("documents", "rows", "model", "said"),
    [
        ("masked", TALKS, "opt", "opt, which is not known to keep apart"),
        ("joined", TALKS, "llama", "joined with chats"),
        ("apart", [{"text": "a long enough text " * 20}], "llama", "apart with texts"),
        ("masked", [{"text": "a long enough text " * 20}], "opt", "opt, which is not known"),
    ],
)
def test_what_cannot_be_is_told(make_recipe, make_source, documents, rows, model, said):
    with pytest.raises(ConfigError, match=said):
        made(make_recipe, make_source, documents, rows, model=model)


TEXTS = [{"text": text} for text in ("one", "to", "a longer one", "ninety-nine", "e", "the end")]


@pytest.mark.parametrize("model", ["llama", "gpt2", "qwen2"])
def test_texts_in_one_block_have_the_loss_of_texts_apart(
    make_recipe, make_source, make_batch, model
):
    task, blocks = made(make_recipe, make_source, "masked", TEXTS, 35, model)
    net = head_class("causal-lm").from_config(task.config).eval()
    batch = make_batch(task, blocks, len(blocks))
    assert batch["inputs"].keys() == {"input_ids", "position_ids"}
    found = task.loss(net(**batch["inputs"], use_cache=False), batch)
    wanted, count, end = 0.0, 0, task.tokenizer.eos_token_id
    for index in range(len(blocks)):
        block = blocks[index]["input_ids"].tolist()
        while block:
            size = block.index(end) + 1 if end in block else len(block)
            ids, block = torch.tensor([block[:size]]), block[size:]
            if size > 1:
                wanted += net(ids, labels=ids).loss * (size - 1)
                count += size - 1
    assert batch["count"] == count < 35 * len(blocks)
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=0, check_dtype=False)


@pytest.mark.parametrize("separator", [Separator(9, ends=True), Separator(9, ends=False)])
def test_a_block_may_begin_and_end_anywhere_in_a_document(separator):
    ids = np.array([1, 9, 2, 9, 9, 3, 9])
    found = separator.parted({"ids": ids, "bytes": 6.0})
    begins = [2, 4, 5] if separator.ends else [1, 3, 4, 6]
    assert [place for place in range(1, 7) if found["positions"][place] == 0] == begins
    assert [place for place in range(7) if found["labels"][place] == IGNORE] == begins
    assert found["bytes"] == 6.0 - len(begins)
    assert found["positions"].tolist()[:3] == ([0, 1, 0] if separator.ends else [0, 0, 1])


def test_opt_would_see_across(make_recipe, make_source, make_batch):
    """Why a family must be listed."""
    task, bins = made(make_recipe, make_source, "masked")
    config = head_class("causal-lm")  # the task's own is a llama's
    from transformers import OPTConfig

    small = OPTConfig(
        vocab_size=260, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, ffn_dim=16,
        word_embed_proj_dim=16, dropout=0.0,
    )  # fmt: skip
    torch.manual_seed(0)
    model = config.from_config(small).eval()
    inputs = make_batch(task, bins, len(bins))["inputs"]
    again = {name: value.clone() for name, value in inputs.items()}
    second = int((again["position_ids"][0] == 0).nonzero()[1])
    again["input_ids"][0, 0] = 7
    one, other = (model(**x, use_cache=False).logits[0, second:] for x in (inputs, again))
    assert not torch.allclose(one, other, atol=1e-4)
