"""A dictionary of words gives the ids that the tokenizer gives."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from zoo.data.tokens import words
from zoo.data.tokens.patterns import for_ascii, pattern_of
from zoo.data.tokens.words import WordEncoder
from zoo.tasks.text.vocabulary import CAUSAL, ENCODER, byte_tokenizer, trained_tokenizer

LLAMA = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
TEXT = (
    "It's  a text; THEY'LL say: 12345 things\n\n\tdef f(x):\r\n        return x\n"
    "Der Flu\u00df \u2013 caf\u00e9, \u6f22\u5b57\u3002\n\u0661\u0662 \u00bd e\u0301 "
    "\x1c\x85\u2028 \u200b.\n\n\n"
)
ODD = [
    TEXT,
    "",
    " ",
    "\n",
    "x<|endoftext|>y <|endo [MASK]",
    " \u0301a",
    "a\x00b \x1f c",
    "'S 's",
    "\ufeffx",
]


def llama_like() -> Tokenizer:
    """A split by Llama 3's pattern, then bytes."""
    inner = Tokenizer(models.BPE())
    split = pre_tokenizers.Split(Regex(LLAMA), "isolated")
    level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    inner.pre_tokenizer = pre_tokenizers.Sequence([split, level])
    inner.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=400, initial_alphabet=alphabet, special_tokens=["<|endoftext|>"],
        show_progress=False,
    )  # fmt: skip
    inner.train_from_iterator([TEXT], trainer)
    return inner


KINDS = {
    "gpt2": lambda: trained_tokenizer("bpe", [TEXT], 330, False, CAUSAL).backend_tokenizer,
    "llama": llama_like,
    "bert": lambda: trained_tokenizer("wordpiece", [TEXT], 150, True, ENCODER).backend_tokenizer,
}
BUILT = {name: make() for name, make in KINDS.items()}


def by_words(inner: Tokenizer, *pieces: str) -> list[int]:
    """What the dictionary makes of a text."""
    encode = WordEncoder(inner)
    assert encode.by_words
    found = [np.concatenate([*encode(pieces), np.zeros(0, int)]).tolist() for _ in range(2)]
    assert found[0] == found[1]  # words that are new, and words that are known
    return found[0]


@pytest.mark.parametrize("kind", KINDS)
def test_odd_texts_have_the_tokenizers_own_ids(kind: str) -> None:
    for text in [*ODD, "".join(ODD)]:
        assert by_words(BUILT[kind], text) == BUILT[kind].encode(text, add_special_tokens=False).ids


LETTERS = "ab Z\t\n\r'sl.,19\u00e9\u6f22\u0301\x1c\x85\u2028<|>"


@settings(max_examples=60, deadline=None)
@given(st.text(st.sampled_from(LETTERS) | st.characters(codec="utf-8")))
def test_any_text_has_the_tokenizers_own_ids(text: str) -> None:
    for inner in BUILT.values():
        assert by_words(inner, text) == inner.encode(text, add_special_tokens=False).ids


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [1, 7, 300])
def test_a_long_text_is_cut_where_words_end(
    kind: str, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(words, "_STRETCH", 40)
    text = TEXT * 20
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    assert by_words(BUILT[kind], *pieces) == BUILT[kind].encode(text, add_special_tokens=False).ids


def test_a_full_dictionary_begins_anew_and_keeps_what_recurs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(words, "_WORDS", 5)
    monkeypatch.setattr(words, "_STRETCH", 30)
    inner = BUILT["gpt2"]
    assert by_words(inner, TEXT * 3) == inner.encode(TEXT * 3, add_special_tokens=False).ids
    asked: list[str] = []
    known = words._Known(lambda word: asked.append(word) or [len(word)])
    for number in range(40):
        for word in ("often", f"once {number}"):
            assert known[word] == np.array([len(word)], np.intc).tobytes()
        assert len(known) <= 5
        assert len(known.before) <= 5
    assert asked.count("often") == 1
    assert known["once 0"] and asked.count("once 0") == 2


def test_tokenizers_that_do_more_than_cut_have_no_pattern() -> None:
    for inner in (
        byte_tokenizer(CAUSAL).backend_tokenizer,
        trained_tokenizer("unigram", TEXT.split("\n"), 120, False, CAUSAL).backend_tokenizer,
        trained_tokenizer("bpe", [TEXT], 330, True, CAUSAL).backend_tokenizer,  # lower case
    ):
        assert pattern_of(inner) is None
        encode = WordEncoder(inner)
        assert np.concatenate([*encode([TEXT])]).tolist() == inner.encode(TEXT).ids
    spaced = Tokenizer.from_str(BUILT["bert"].to_str())
    spaced.add_tokens([AddedToken("a text", normalized=True)])  # may lie across two words
    assert pattern_of(spaced) is None


def test_where_the_two_differ_the_tokenizer_does_all() -> None:
    encode = WordEncoder(BUILT["gpt2"])
    assert encode.agrees(TEXT)
    encode.ascii = for_ascii(r"[a-z]+| ")  # as if Python's patterns meant something else
    assert not encode.agrees("one two")
    assert not encode.by_words
    assert next(iter(encode(["one two"]))).tolist() == BUILT["gpt2"].encode("one two").ids
