"""Tokenizers that the product makes itself: bytes, characters, and those trained on texts."""

import json
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

from tokenizers import (
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import PreTrainedTokenizerFast

Specials = Mapping[str, str]
"""transformers' names (`eos_token`, ...) and the spelling of each, in the order of their ids."""

CAUSAL: Specials = {"eos_token": "<|endoftext|>"}
CHAT: Specials = {"eos_token": "<|im_end|>", "bos_token": "<|im_start|>"}
ENCODER: Specials = {
    "pad_token": "[PAD]",
    "unk_token": "[UNK]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "mask_token": "[MASK]",
}
SEQUENCES: Specials = {"pad_token": "[PAD]", "eos_token": "[EOS]", "unk_token": "[UNK]"}
SPEECH: Specials = {"pad_token": "[PAD]", "bos_token": "[BOS]", **SEQUENCES}
CTC: Specials = {"pad_token": "<pad>"}  # the blank; always the last id
UNKNOWN = "<unk>"


def byte_tokenizer(specials: Specials) -> PreTrainedTokenizerFast:
    """One id a UTF-8 byte, 0..255, then the special tokens."""
    tokenizer = Tokenizer(models.BPE(vocab=_byte_spellings(), merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    return wrapped(tokenizer, {k: v for k, v in specials.items() if k != "unk_token"})


def character_tokenizer(texts: Iterable[str], specials: Specials) -> PreTrainedTokenizerFast:
    """One id a character of `texts`, in code point order, then the special tokens.

    Characters never seen become the unknown token; for CTC, which has none, they are left out.
    """
    letters: set[str] = set()
    for text in texts:
        letters.update(text)
    vocabulary = {letter: i for i, letter in enumerate(sorted(letters))}
    unknown = None if specials == CTC else specials.get("unk_token", UNKNOWN)
    if unknown:
        vocabulary[unknown] = len(vocabulary)
        specials = {**specials, "unk_token": unknown}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token=unknown))
    tokenizer.decoder = decoders.Fuse()
    return wrapped(tokenizer, specials)


def trained_tokenizer(
    kind: str, texts: Iterable[str], size: int, lowercase: bool, specials: Specials
) -> PreTrainedTokenizerFast:
    """A "bpe", "wordpiece" or "unigram" vocabulary of at most `size` ids, special tokens included.

    BPE works on bytes, so that nothing is unknown; for CTC it works on characters, with a mark for
    the start of a word, as SentencePiece does: 256 bytes would be too many outputs. `texts` may be
    iterated twice. The same texts give the same vocabulary, but for "unigram", whose trainer goes
    through its words in random order.
    """
    for_ctc = specials == CTC
    bytewise = kind == "bpe" and not for_ctc
    first = {} if for_ctc else dict(specials)  # the blank comes last
    if not bytewise:
        first.setdefault("unk_token", UNKNOWN)
    tokenizer = _untrained(kind, bytewise, lowercase, first.get("unk_token"))
    marked = sorted(_going_on(tokenizer, texts)) if kind == "wordpiece" else []
    known = [*first.values(), *marked]
    trainer = _trainer(kind, size - for_ctc, known, bytewise, first.get("unk_token"))
    tokenizer.train_from_iterator(texts, trainer)
    return wrapped(_without_added(tokenizer, marked), {**first, **specials})


def wrapped(tokenizer: Tokenizer, specials: Specials) -> PreTrainedTokenizerFast:
    """The tokenizer in transformers' clothes; special tokens that it lacks get the next ids.

    With [CLS] and [SEP] it frames what it encodes, with [EOS] it ends it (and begins it with [BOS],
    if there is one); with a blank its decoding collapses frames.
    """
    tokenizer.add_special_tokens(list(specials.values()))
    if "cls_token" in specials:
        cls, sep = specials["cls_token"], specials["sep_token"]
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{cls} $A {sep}",
            pair=f"{cls} $A {sep} $B:1 {sep}:1",
            special_tokens=[(name, tokenizer.token_to_id(name)) for name in (cls, sep)],
        )
    if specials.get("eos_token") == SEQUENCES["eos_token"]:
        end, start = specials["eos_token"], specials.get("bos_token", "")
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{start} $A {end}".strip(),
            pair=f"{start} $A $B {end}".strip(),
            special_tokens=[(name, tokenizer.token_to_id(name)) for name in (start, end) if name],
        )
    if specials.get("pad_token") == CTC["pad_token"]:
        collapse = decoders.CTC(CTC["pad_token"], CTC["pad_token"], cleanup=False)
        tokenizer.decoder = decoders.Sequence([collapse, tokenizer.decoder])
    names = ["input_ids", "attention_mask"]
    if "cls_token" in specials:
        names.insert(1, "token_type_ids")
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_input_names=names,
        clean_up_tokenization_spaces=False,
        **specials,
    )


def _untrained(kind: str, bytewise: bool, lowercase: bool, unknown: str | None) -> Tokenizer:
    if kind == "wordpiece":
        tokenizer = Tokenizer(models.WordPiece(unk_token=str(unknown)))
        tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.decoder = decoders.WordPiece()
        return tokenizer
    tokenizer = Tokenizer(models.BPE(unk_token=unknown) if kind == "bpe" else models.Unigram())
    if lowercase:
        tokenizer.normalizer = normalizers.Lowercase()
    if bytewise:
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        tokenizer.decoder = decoders.Metaspace()
    return tokenizer


def _going_on(tokenizer: Tokenizer, texts: Iterable[str]) -> set[str]:
    """The letters of the texts that go on with a word, as word pieces spell them.

    The trainer numbers them in the order of a hash map, new in each process, and its ties are
    broken by number; those that it is given keep their order (huggingface/tokenizers#1794).
    """
    pairs: set[tuple[str, str]] = set()
    for text in texts:
        plain = tokenizer.normalizer.normalize_str(text)
        pairs.update(pairwise(plain))
    split = tokenizer.pre_tokenizer.pre_tokenize_str
    inside = {one for pair in pairs for one in pair if [w for w, _ in split(2 * one)] == [2 * one]}
    return {f"##{second}" for first, second in pairs if {first, second} <= inside}


def _without_added(tokenizer: Tokenizer, spellings: list[str]) -> Tokenizer:
    """The tokenizer with these as ordinary tokens; a trainer adds what it is given as special."""
    if not spellings:
        return tokenizer
    content = json.loads(tokenizer.to_str())
    ordinary = set(spellings)
    content["added_tokens"] = [t for t in content["added_tokens"] if t["content"] not in ordinary]
    return Tokenizer.from_str(json.dumps(content))


def _trainer(
    kind: str, size: int, specials: list[str], bytewise: bool, unknown: str | None
) -> trainers.Trainer:
    shared: dict[str, Any] = {
        "vocab_size": size,
        "special_tokens": specials,
        "show_progress": False,
    }
    if kind == "wordpiece":
        return trainers.WordPieceTrainer(**shared)
    if kind == "unigram":
        return trainers.UnigramTrainer(unk_token=unknown, **shared)
    alphabet = pre_tokenizers.ByteLevel.alphabet() if bytewise else []
    return trainers.BpeTrainer(initial_alphabet=alphabet, **shared)


def _byte_spellings() -> dict[str, int]:
    """GPT-2's visible spelling of every byte, as ByteLevel writes them, with the byte as its id."""
    visible = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = iter(range(256, 512))
    return {chr(byte if byte in visible else next(others)): byte for byte in range(256)}
