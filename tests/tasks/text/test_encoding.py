"""Texts become the ids that the tokenizer gives of the whole, whoever cut them."""

import pytest
from tokenizers import Tokenizer, models, normalizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from zoo.data.rows import pieces_of_text
from zoo.data.tokens import windows, words
from zoo.tasks.text.encoding import Speller, document_frame, encoder, frame_of, piecewise
from zoo.tasks.text.vocabulary import CAUSAL, ENCODER, byte_tokenizer, trained_tokenizer

TEXT = "".join(
    f"Line {n}: the quick brown fox\n\n\tjumps  over {n * 37} caf\u00e9s, isn't it?\n"
    for n in range(40)
)


def llama_like() -> PreTrainedTokenizerFast:
    """A tokenizer as Llama's: one mark for spaces, put before a text too, and <s> before it."""
    inner = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True))
    marks = [normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")]
    inner.normalizer = normalizers.Sequence(marks)
    trainer = trainers.BpeTrainer(
        vocab_size=200, special_tokens=["<unk>", "<s>", "</s>"], show_progress=False
    )
    inner.train_from_iterator(TEXT.split(" "), trainer)  # no token spans two words
    inner.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=inner, bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )


KINDS = {
    "bytes": lambda: byte_tokenizer(CAUSAL),
    "bpe": lambda: trained_tokenizer("bpe", [TEXT], 330, False, CAUSAL),
    "wordpiece": lambda: trained_tokenizer("wordpiece", [TEXT], 150, True, ENCODER),
    "unigram": lambda: trained_tokenizer("unigram", TEXT.split("\n"), 120, False, CAUSAL),
    "llama": llama_like,
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [1, 50, 400])
def test_pieces_joined_are_the_ids_of_the_whole(kind, size, monkeypatch):
    monkeypatch.setattr(windows, "_AROUND", 100)
    monkeypatch.setattr(words, "_STRETCH", 100)
    tokenizer = KINDS[kind]()
    cut = list(pieces_of_text(TEXT, size))
    assert len(cut) > 5
    joined = [token for ids in piecewise(tokenizer)(cut) for token in ids]
    assert joined == encoder(tokenizer)(TEXT) == tokenizer.encode(TEXT, add_special_tokens=False)


def test_a_text_in_one_piece_or_none_is_itself():
    tokenizer = llama_like()
    (found,) = piecewise(tokenizer)(["the fox"])
    assert list(found) == encoder(tokenizer)("the fox")
    assert list(piecewise(tokenizer)([])) == []


@pytest.mark.parametrize(
    ("kind", "own", "around"),
    [
        ("bytes", ([], []), ([], ["<|endoftext|>"])),
        ("wordpiece", (["[CLS]"], ["[SEP]"]), (["[CLS]"], ["[SEP]"])),
        ("llama", (["<s>"], []), (["<s>"], ["</s>"])),
    ],
)
def test_documents_stand_between_the_tokenizers_own_special_tokens(kind, own, around):
    tokenizer = KINDS[kind]()
    for found, wanted in ((frame_of(tokenizer), own), (document_frame(tokenizer), around)):
        assert tuple(tokenizer.convert_ids_to_tokens(ids) for ids in found) == wanted


@pytest.mark.parametrize("kind", KINDS)
def test_marks_are_on_what_has_a_character_of_the_span(kind):
    tokenizer, text = KINDS[kind](), "the quick brown fox"
    start = text.index(" brown")
    ids, marks = Speller.of(tokenizer).marked(text, [(start, len(text) - 4)], framed=True)
    assert ids == tokenizer(text).input_ids
    chosen = [token for token, mark in zip(ids, marks, strict=True) if mark]
    assert "brown" in tokenizer.decode(chosen)
    assert "quick" not in tokenizer.decode(chosen) and "fox" not in tokenizer.decode(chosen)


def test_a_slow_tokenizer_marks_what_stands_behind_the_tokens_of_the_text_before():
    tokenizer = byte_tokenizer(CAUSAL)
    slow = Speller(tokenizer, None)
    spans = [(1, 3), (4, 5)]
    assert slow.marked("abcde", spans, False) == Speller.of(tokenizer).marked("abcde", spans, False)
