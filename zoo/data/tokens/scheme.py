"""How documents become ids: whose tokens, what stands around each, which type they have."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoo.data.rows import digest
from zoo.data.tokens.indexed import dtype_of

EncodePieces = Callable[[Iterable[str]], Iterator[Sequence[int] | np.ndarray]]
"""The pieces of one text to their ids, piece by piece."""
Frame = tuple[Sequence[int], Sequence[int]]
"""The ids before and behind each document."""


@dataclass(frozen=True)
class Scheme:
    """`fingerprint` stands for the tokenizer; the frame is written into the tokens."""

    encode: EncodePieces
    frame: Frame
    vocab_size: int
    fingerprint: str

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the ids on the disk."""
        return dtype_of(self.vocab_size)

    @property
    def name(self) -> str:
        """Changes with whatever may change the ids."""
        ends = [list(ids) for ids in self.frame]
        return digest("scheme", self.fingerprint, ends, self.dtype.str)
