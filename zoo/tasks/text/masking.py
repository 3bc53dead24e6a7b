"""Which tokens are hidden from a model, and what stands in their place."""

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from zoo.errors import Fault
from zoo.recipe import Recipe
from zoo.tasks.roles import fault
from zoo.tasks.task import IGNORE
from zoo.tasks.text.encoding import vocabulary_size
from zoo.tasks.text.tokens import tokenizer_key

_HIDDEN, _REPLACED = 0.8, 0.9  # BERT: 80 % hidden, 10 % another token, 10 % as they are
_SPACES = {"\u0120": " ", "\u2581": " ", "\u010a": "\n", "\u0109": "\t", "\u010d": "\r"}


class Hiding:
    """Hides tokens of a tokenizer's ids; special tokens never."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        size = vocabulary_size(tokenizer)
        spellings = tokenizer.convert_ids_to_tokens(list(range(size)))  # None where a hole is
        special = set(tokenizer.all_special_ids)
        self.mask = tokenizer.mask_token_id
        self.special = np.array([i in special or spellings[i] is None for i in range(size)])
        self.ordinary = np.flatnonzero(~self.special)
        self.inside, self.open = _word_marks([str(spelling) for spelling in spellings])
        self.inside &= ~self.special
        self.open &= ~self.special

    def hidden(self, tokens: Tensor, probability: float, rng: np.random.Generator) -> Tensor:
        """The tokens, int64 (batch, length), each hidden with this probability."""
        ids = tokens.numpy()
        chosen = (rng.random(ids.shape) < probability) & ~self.special[ids]
        return torch.from_numpy(np.where(chosen, self.mask, ids))

    def targets(
        self, tokens: Tensor, probability: float, whole_word: bool, rng: np.random.Generator
    ) -> tuple[Tensor, Tensor]:
        """(inputs, labels), int64 (batch, length) like `tokens`: what to show and what to predict.

        Labels are IGNORE but for the chosen tokens; of those 80 % show the mask token, 10 % any
        ordinary token, 10 % themselves. `whole_word` chooses words, with all their tokens.
        """
        ids = tokens.numpy()
        draws = rng.random(ids.shape)
        if whole_word:
            draws = np.take_along_axis(draws, self.words(ids), axis=1)
        chosen = (draws < probability) & ~self.special[ids]
        fate = rng.random(ids.shape)
        others = self.ordinary[rng.integers(len(self.ordinary), size=ids.shape)]
        shown = np.where(chosen & (fate < _HIDDEN), self.mask, ids)
        shown = np.where(chosen & (fate >= _HIDDEN) & (fate < _REPLACED), others, shown)
        labels = np.where(chosen, ids, IGNORE)
        return torch.from_numpy(shown), torch.from_numpy(labels)

    def words(self, ids: np.ndarray) -> np.ndarray:
        """The number of the word that each token belongs to, int64 (batch, length), from 0."""
        starts = ~self.inside[ids]
        starts[:, 1:] |= ~self.open[ids[:, :-1]]
        starts[:, 0] = False  # the first word has number 0 even when it begins before the block
        return np.cumsum(starts, axis=1)


def _word_marks(spellings: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """For each spelling: may it go on with a word begun before it, and may a word go on behind it?

    Word pieces say so themselves (##); elsewhere letters and digits that touch are one word.
    """
    pieces = np.array([spelling.startswith("##") for spelling in spellings])
    if pieces.any():
        return pieces, np.ones_like(pieces)
    plain = ["".join(_SPACES.get(letter, letter) for letter in spelling) for spelling in spellings]
    first = np.array([spelling[:1].isalnum() for spelling in plain])
    return first, np.array([spelling[-1:].isalnum() for spelling in plain])


def hiding_faults(recipe: Recipe, tokenizer: PreTrainedTokenizerBase, share: float) -> list[Fault]:
    """A fault where a `share` of the tokens is to be hidden and the tokenizer has no mask."""
    if not share or tokenizer.mask_token_id is not None:
        return []
    allowed = "a tokenizer with a mask token, or task.mask_probability 0"
    return [fault(recipe, tokenizer_key(recipe), "a tokenizer without mask token", allowed)]
