"""What every kind's way to answer is: what it reads, what it says, and what it draws."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

from PIL import Image

from zoo.data.rows import Row
from zoo.predicting.exported import Exported, Options

Answer = dict[str, Any]
"""What is found for one input: plain JSON, and what is drawn of it under names that begin so: _."""

Choices = tuple[tuple[str, ...], ...]


class Predictor(ABC):
    """Answers rows with an exported model; one class a kind, named by the kind's entry."""

    choices: Choices
    """What a row must hold: any of these roles whole. A word alone is the last choice of one."""
    heeds: ClassVar[frozenset[str]] = frozenset()
    """The options that it takes."""
    streams: ClassVar[bool] = False
    """Whether it hands text to `write` as it is made, where it answers one input alone."""
    write: Callable[[str], None] | None = None
    """Where that text goes; None: nowhere."""

    def __init__(self, exported: Exported, options: Options) -> None:
        """A kind loads its model here, and raises what transformers raises where it cannot."""
        self.exported, self.options = exported, options

    def read(self, row: Row) -> Any:
        """What `answers` takes of a row; raises CorruptExample for what cannot be answered."""
        return row

    @abstractmethod
    def answers(self, examples: list[Any]) -> list[Answer]:
        """What is found for each, in their order."""

    @abstractmethod
    def said(self, answer: Answer) -> str:
        """An answer for a reader, in a line unless it is a text of several."""

    def drawn(self, row: Row, answer: Answer) -> Image.Image | None:
        """A picture of the answer; None where the kind has none."""
        return None
