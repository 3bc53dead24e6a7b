import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

from zoo.tasks.build import build_task
from zoo.tasks.task import IGNORE
from zoo.tasks.text.encoding import vocabulary_size
from zoo.tasks.text.masking import Hiding
from zoo.tasks.text.vocabulary import ENCODER, byte_tokenizer, trained_tokenizer

TEXTS = ["tokenization of unbelievable words, and more words"] * 3


def framed(tokenizer, count=400):
    ids = tokenizer(TEXTS[0])["input_ids"]
    return torch.tensor([ids] * count)


@pytest.fixture
def pieces():
    return trained_tokenizer("wordpiece", TEXTS, 45, True, ENCODER)


def test_the_shares_of_masked_replaced_and_kept_tokens_are_berts(pieces):
    tokens = framed(pieces, 2000)
    shown, labels = Hiding(pieces).targets(tokens, 0.15, False, np.random.default_rng(0))
    chosen = labels != IGNORE
    ordinary = ~torch.isin(tokens, torch.tensor(pieces.all_special_ids))
    assert chosen.sum() / ordinary.sum() == pytest.approx(0.15, abs=0.005)
    assert torch.equal(labels[chosen], tokens[chosen])
    assert torch.equal(shown[~chosen], tokens[~chosen])
    hidden = (shown == pieces.mask_token_id)[chosen].double().mean()
    kept = (shown == tokens)[chosen].double().mean()
    assert float(hidden) == pytest.approx(0.8, abs=0.02)
    assert float(kept) == pytest.approx(0.1 + 0.1 / (len(pieces) - 5), abs=0.02)


def test_special_tokens_are_neither_targets_nor_replacements(pieces):
    tokens = framed(pieces)
    shown, labels = Hiding(pieces).targets(tokens, 0.9, False, np.random.default_rng(0))
    special = torch.isin(tokens, torch.tensor(pieces.all_special_ids))
    assert torch.equal(shown[special], tokens[special])
    assert (labels[special] == IGNORE).all()
    others = torch.tensor([i for i in pieces.all_special_ids if i != pieces.mask_token_id])
    assert not torch.isin(shown[~special], others).any()


@pytest.mark.parametrize("kind", ["wordpiece", "bpe", "unigram", "bytes"])
def test_whole_words_are_the_words_of_the_text(kind):
    size = {"wordpiece": 45, "bpe": 300, "unigram": 60}
    tokenizer = (
        byte_tokenizer(ENCODER)
        if kind == "bytes"
        else trained_tokenizer(kind, TEXTS, size[kind], True, ENCODER)
    )
    ids = np.array(tokenizer(TEXTS[0])["input_ids"])[None]
    words = Hiding(tokenizer).words(ids)[0]
    groups = [tokenizer.decode(ids[0, words == word].tolist()) for word in np.unique(words)]
    found = [group.strip() for group in groups if group.strip() not in ("", "[CLS]", "[SEP]")]
    assert [word.strip(", ") for word in found if word.strip(", ")] == [
        "tokenization", "of", "unbelievable", "words", "and", "more", "words",
    ]  # fmt: skip


def test_a_whole_word_is_hidden_with_all_its_pieces(pieces):
    tokens = framed(pieces)
    hiding = Hiding(pieces)
    _, labels = hiding.targets(tokens, 0.3, True, np.random.default_rng(1))
    words = hiding.words(tokens.numpy())
    chosen = (labels != IGNORE).numpy()
    special = np.isin(tokens.numpy(), pieces.all_special_ids)
    for line, word_of, fixed in zip(chosen, words, special, strict=True):
        for word in np.unique(word_of[~fixed]):
            assert len(set(line[(word_of == word) & ~fixed])) == 1
    assert 0.2 < chosen[~special].mean() < 0.4


def test_hidden_tokens_are_only_masked(pieces):
    tokens = framed(pieces)
    hidden = Hiding(pieces).hidden(tokens, 0.5, np.random.default_rng(0))
    changed = hidden != tokens
    assert set(hidden[changed].tolist()) == {pieces.mask_token_id}
    assert not changed[:, 0].any()


def test_masked_blocks_are_framed_and_score_bits_a_token(make_recipe, make_source, make_batch):
    recipe = make_recipe("masked-lm", {"mask_probability": 0.5})
    task = build_task(recipe, make_source("masked-lm"))
    batch = make_batch(task, task.rows(make_source("masked-lm").train))
    ids, labels = batch["inputs"]["input_ids"], batch["labels"]["labels"]
    assert ids.shape == (4, 16)
    assert set(ids[:, 0].tolist()) == {task.tokenizer.cls_token_id}
    assert set(ids[:, -1].tolist()) == {task.tokenizer.sep_token_id}
    logits = torch.zeros(4, 16, task.config.vocab_size)
    logits.scatter_(2, labels.clamp(min=0)[..., None], 1.0)
    scores = task.score(task.tally({"logits": logits}, batch))
    size = task.config.vocab_size
    assert scores["accuracy"] == 1.0
    assert scores["loss"] == pytest.approx(np.log(np.e + size - 1) - 1, rel=1e-6)
    assert scores["bits_per_token"] == pytest.approx(scores["loss"] / np.log(2))


def test_a_tokenizer_without_mask_is_a_fault(make_recipe, make_source, tmp_path):
    from zoo.errors import ConfigError

    byte_tokenizer({}).save_pretrained(tmp_path / "bytes")
    recipe = make_recipe("masked-lm", tokenizer=str(tmp_path / "bytes"))
    with pytest.raises(ConfigError, match="without mask token"):
        build_task(recipe, make_source("masked-lm"))


def test_what_evaluation_hides_does_not_depend_on_the_micro_batch(
    make_recipe, make_source, make_batch
):
    task = build_task(make_recipe("masked-lm"), make_source("masked-lm"))
    rows = task.rows(make_source("masked-lm").train)
    whole = make_batch(task, rows, 4)
    single = make_batch(task, rows, 1)
    for name, found in (("inputs", "input_ids"), ("labels", "labels")):
        assert torch.equal(whole[name][found][:1], single[name][found])
    assert int(whole["count"]) == int((whole["labels"]["labels"] != IGNORE).sum()) > 0
    assert len({tuple(line.tolist()) for line in whole["labels"]["labels"] != IGNORE}) > 1


def test_ids_with_holes_are_never_shown_and_fit_the_model():
    inner = Tokenizer(models.WordLevel({"a": 0, "[MASK]": 2, "b": 7}, unk_token="a"))
    holes = PreTrainedTokenizerFast(tokenizer_object=inner, mask_token="[MASK]")
    assert vocabulary_size(holes) == 8 > len(holes)
    tokens = torch.tensor([[0, 7] * 50])
    shown, labels = Hiding(holes).targets(tokens, 1.0, False, np.random.default_rng(0))
    assert set(shown.unique().tolist()) == {0, 2, 7}
    assert torch.equal(labels, tokens)
