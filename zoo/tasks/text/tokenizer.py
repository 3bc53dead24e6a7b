"""Which tokenizer a recipe means: a name's, bytes, characters, or one trained on the train rows."""

import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from tokenizers import Tokenizer, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from zoo.data.cache import cache_root, cached
from zoo.data.rows import digest
from zoo.errors import ConfigError, Fault
from zoo.models.config import located, refuse_missing
from zoo.recipe import Recipe, origin
from zoo.recipe.instead import as_others_say, instead
from zoo.tasks.text.encoding import plain_backend
from zoo.tasks.text.kept import kept_tokenizer, made_from_texts
from zoo.tasks.text.vocabulary import (
    Specials,
    byte_tokenizer,
    character_tokenizer,
    trained_tokenizer,
)

_VERSION = 1  # of what is made from texts; a change makes it anew

Texts = Callable[[], Iterator[str]]


class Again:
    """Texts that may be iterated more than once."""

    def __init__(self, texts: Texts) -> None:
        self.texts = texts

    def __iter__(self) -> Iterator[str]:
        return self.texts()


def build_tokenizer(
    recipe: Recipe, texts: Texts, fingerprint: str, specials: Specials
) -> PreTrainedTokenizerBase:
    """The tokenizer of `model.tokenizer`, or else of `model.name`.

    `texts` yields the training texts and `fingerprint` tells them apart: what is made from them is
    made once and cached. Raises ConfigError when there is no tokenizer or it is not found.
    """
    chosen = recipe.model.tokenizer
    if chosen is None and recipe.model.name is None:
        allowed = '"bytes", "characters", a name, or {"train": ..., "vocab_size": ...}'
        where, way = origin(recipe, "model"), instead(recipe, "model.tokenizer", "bytes")
        raise ConfigError([Fault(where, "model.tokenizer", "nothing", allowed, way)])
    if chosen == "bytes":
        return byte_tokenizer(specials)
    if isinstance(chosen, str) and chosen != "characters":
        return _named(recipe, chosen, "model.tokenizer")
    if chosen is None:
        return _named(recipe, str(recipe.model.name), "model.name")
    settings = chosen if isinstance(chosen, str) else chosen.model_dump()
    name = digest("tokenizer", _VERSION, fingerprint, settings, list(specials.items()))
    make = partial(_make, recipe, texts, specials)
    folder = cached(cache_root(recipe.data), f"tokenizer-{name}", make)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    least = len(tokenizer)
    if not isinstance(chosen, str) and least > chosen.vocab_size:
        key, allowed = "model.tokenizer.vocab_size", f"at least {least}: the alphabet alone"
        found, way = str(chosen.vocab_size), instead(recipe, key, least)
        raise ConfigError([Fault(origin(recipe, key), key, found, allowed, way)])
    return tokenizer


Framed = Callable[[str, str | None], tuple[list[int], list[int]]]


def framer(tokenizer: PreTrainedTokenizerBase, length: int) -> Framed:
    """(text, second text or None) to (ids, segments) with special tokens, cut to `length` ids."""
    if not tokenizer.is_fast:
        return partial(_slow_frame, tokenizer, length)
    inner = plain_backend(tokenizer)
    inner.enable_truncation(length)
    return partial(_fast_frame, inner)


Words = Callable[[Sequence[str]], tuple[list[int], list[int], list[int | None]]]


def word_framer(tokenizer: PreTrainedTokenizerBase, length: int) -> Words:
    """Words to (ids, segments, the word of each id) with special tokens, which are of no word, cut
    to `length` ids. The tokenizer is a fast one; see `spaced_words`.
    """
    inner = plain_backend(tokenizer)
    inner.enable_truncation(length)
    return partial(_fast_words, inner)


def spaced_words(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Makes a tokenizer give words that stand apart the tokens that they have in a text, and says
    whether it does.

    Byte-level BPE keeps the space before a word in its tokens (RoBERTa, GPT-2): it is told to put
    one where there is none, `add_prefix_space`, here and in what is saved.
    """
    if not tokenizer.is_fast:
        return False
    inner = tokenizer.backend_tokenizer
    before = inner.pre_tokenizer
    if isinstance(before, pre_tokenizers.ByteLevel) and not before.add_prefix_space:
        before.add_prefix_space = True
        tokenizer.add_prefix_space = True
        tokenizer.init_kwargs["add_prefix_space"] = True
    apart = inner.encode(["a", "a"], is_pretokenized=True, add_special_tokens=False)
    return bool(apart.ids == inner.encode("a a", add_special_tokens=False).ids)


def tokenizer_fingerprint(tokenizer: PreTrainedTokenizerBase) -> str:
    """A digest that changes when the tokenizer's ids do."""
    if tokenizer.is_fast:
        return digest(plain_backend(tokenizer).to_str())
    return digest(type(tokenizer).__name__ + json.dumps(tokenizer.get_vocab(), sort_keys=True))


def same_tokens(recipe: Recipe, tokenizer: PreTrainedTokenizerBase | None, place: str) -> bool:
    """Whether the tokens of the checkpoint at `place` (a hub id, a folder, a run's) have the same
    ids in the recipe's tokenizer, so that rows of its embedding may be kept; one that comes without
    a tokenizer is taken for the recipe's own, unless that is made anew.
    """
    chosen = recipe.model.tokenizer
    if tokenizer is None or (chosen is None and place == recipe.model.name):
        return True
    try:
        theirs = AutoTokenizer.from_pretrained(kept_tokenizer(Path(place)) or located(place))
    except (OSError, ValueError, KeyError):
        return chosen != "bytes" and not made_from_texts(recipe)
    ours = tokenizer.get_vocab()
    return all(ours.get(token) == number for token, number in theirs.get_vocab().items())


def _make(recipe: Recipe, texts: Texts, specials: Specials, folder: Path) -> None:
    chosen = recipe.model.tokenizer
    if isinstance(chosen, str) or chosen is None:
        made = character_tokenizer(texts(), specials)
    else:
        size, lowercase = chosen.vocab_size, chosen.lowercase
        made = trained_tokenizer(chosen.train, Again(texts), size, lowercase, specials)
    made.save_pretrained(folder)


def _named(recipe: Recipe, name: str, key: str) -> PreTrainedTokenizerBase:
    revision = recipe.model.revision if key == "model.name" else None
    trust = recipe.model.trust_remote_code
    holds = "config.json" if key == "model.name" else "tokenizer_config.json"
    refuse_missing(recipe, key, located(name), holds)
    try:
        return AutoTokenizer.from_pretrained(
            located(name), revision=revision, trust_remote_code=trust
        )
    except (OSError, ValueError, KeyError) as error:
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        allowed = "a folder with a tokenizer, or a Hugging Face id in the cache or in reach"
        way = as_others_say(recipe, key if key == "model.tokenizer" else "model")
        fault = Fault(origin(recipe, key), key, f"{name} ({why})", allowed, way)
        raise ConfigError([fault]) from error


def _fast_frame(inner: Tokenizer, text: str, second: str | None) -> tuple[list[int], list[int]]:
    found = inner.encode(text, second)
    return found.ids, found.type_ids


def _fast_words(
    inner: Tokenizer, words: Sequence[str]
) -> tuple[list[int], list[int], list[int | None]]:
    found = inner.encode(words, is_pretokenized=True)
    return found.ids, found.type_ids, found.word_ids


def _slow_frame(
    tokenizer: PreTrainedTokenizerBase, length: int, text: str, second: str | None
) -> tuple[list[int], list[int]]:
    found = tokenizer(text, second, truncation=True, max_length=length)
    return found["input_ids"], found.get("token_type_ids") or [0] * len(found["input_ids"])
