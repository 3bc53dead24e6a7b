"""Contexts that are longer than a model reads, cut into windows that overlap; each begins with the
question.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from transformers import PreTrainedTokenizerBase

from zoo.data.cache import cached
from zoo.data.loading.sizes import counted
from zoo.data.rows import CorruptExample, Row, Rows, Subset, digest
from zoo.tasks.text.encoding import plain_backend

_CONTEXT = 1  # the number of the second text of a pair
_VERSION = 1


class Window(NamedTuple):
    """Some tokens of a context behind its question."""

    ids: list[int]
    segments: list[int]
    spans: np.ndarray
    """int64 (tokens, 2): the characters of the context that a token stands for; -1 elsewhere."""

    def place(self, start: int, end: int) -> tuple[int, int] | None:
        """The first and last token of the characters start..end; None where not all are here."""
        inside = np.flatnonzero(self.spans[:, 0] >= 0)
        if not len(inside) or self.spans[inside[0], 0] > start or self.spans[inside[-1], 1] < end:
            return None
        first = inside[self.spans[inside, 0] <= start][-1]
        last = inside[self.spans[inside, 1] >= end][0]
        return int(first), int(last)


class Windowing:
    """Questions with their contexts to windows of at most `length` tokens, which share `stride`
    tokens of the context with the next one; `tokenizer` is a fast one.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, length: int, stride: int) -> None:
        self.inner = plain_backend(tokenizer)
        self.length, self.stride = length, stride
        self.special = self.inner.num_special_tokens_to_add(is_pair=True)
        self.fingerprint = digest("windows", _VERSION, self.inner.to_str(), length, stride)

    def __call__(self, question: str, context: str) -> list[Window]:
        """The windows, in order; raises CorruptExample for a question that leaves no room, and for
        a context without a token.
        """
        question = question.lstrip()
        self.inner.no_truncation()
        asked = self.inner.encode(question, add_special_tokens=False)
        room = self.length - self.special - len(asked.ids)
        if room < 1:
            said = f"a question of {len(asked.ids)} tokens in windows of {self.length}"
            raise CorruptExample(f"{said}: {question[:40]!r}")
        shared = min(self.stride, room - 1)
        self.inner.enable_truncation(self.length, stride=shared, strategy="only_second")
        found = self.inner.encode(question, context)
        windows = []
        for one in (found, *found.overflowing):
            here = np.array([number == _CONTEXT for number in one.sequence_ids])
            spans = np.where(here[:, None], np.array(one.offsets, dtype=np.int64), -1)
            windows.append(Window(one.ids, one.type_ids, spans))
        if not (windows[0].spans >= 0).any():
            raise CorruptExample(f"a context without a token: {context[:40]!r}")
        return windows


class WindowRows(Subset):
    """A row a window: the row that it is of, with the `number` of that and of the `window`."""

    divisible = False

    def __init__(self, rows: Rows, table: np.ndarray, fingerprint: str) -> None:
        super().__init__(rows, table[:, 0])
        self.table, self.fingerprint = table, fingerprint

    def __getitem__(self, index: int) -> Row:
        number, window, _ = self.table[index].tolist()
        return {**super().__getitem__(index), "number": number, "window": window}

    def unreadable(self) -> dict[int, str]:
        first = self.table[:, 1] == 0
        return {row: why for row, why in super().unreadable().items() if first[row]}

    def lengths(self) -> np.ndarray:
        return self.table[:, 2].astype(np.float64)


def windowed(rows: Rows, windowing: Windowing, root: Path) -> WindowRows:
    """The rows, of `question` and `context`, as their windows, counted once and kept under `root`.

    A row that cannot be read has one window, in which that is found again.
    """

    def build(folder: Path) -> None:
        np.save(folder / "windows.npy", counted("counting windows", table, len(rows)))

    def table(numbers: range) -> torch.Tensor:
        found = [
            (number, window, length)
            for number in numbers
            for window, length in enumerate(_lengths(rows, number, windowing))
        ]
        return torch.tensor(found, dtype=torch.int64)

    name = digest(rows.fingerprint, windowing.fingerprint)
    folder = cached(root, f"windows-{name}", build)
    return WindowRows(rows, np.load(folder / "windows.npy"), name)


def _lengths(rows: Rows, number: int, windowing: Windowing) -> list[int]:
    try:
        row = rows[number]
        return [len(window.ids) for window in windowing(row["question"], row["context"])]
    except CorruptExample:
        return [0]
