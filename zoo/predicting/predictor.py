"""What every kind's way to answer is: what it reads, what it says, and what it draws."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

from PIL import Image

from zoo.data.rows import CorruptExample, Row
from zoo.predicting.against import Told, plain
from zoo.predicting.exported import Exported, Options
from zoo.recipe.vocabulary.roles import MEDIA, ROLES

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

    def drawn(self, row: Row, answer: Answer, scale: float = 1.0) -> Image.Image | None:
        """A picture of the answer, the input's made larger by `scale`; None where the kind has
        none.
        """
        return None

    def parted(self, row: Row, seed: int) -> tuple[Row, Row]:
        """A row of data as what is asked, and the rest of its roles: what would be right. A kind
        whose rows hold it all in one text hides a part, drawn from `seed`.

        Raises CorruptExample for a row that holds nothing to ask.
        """
        roles = next((one for one in self.choices if set(one) <= row.keys()), None)
        if roles is None:
            raise CorruptExample(f"a row without {' or '.join(map(', '.join, self.choices))}")
        asked = {role: row[role] for role in roles}
        return asked, {role: row[role] for role in row if role in ROLES and role not in roles}

    def right(self, asked: Row, rest: Row) -> Answer:
        """What would have been answered to what was `asked` if all were right, by the same names
        as an answer's; empty where the rest of the row does not say.
        """
        return {}

    def told(self, asked: Row, answer: Answer, right: Answer) -> Told:
        """What was asked in words, and how the answer stands against the right one."""
        told = [plain("answer", self.said(answer))]
        return [*self.asked(asked), *told, *([plain("right", self.said(right))] if right else [])]

    def asked(self, row: Row) -> Told:
        """What was asked, as far as it is words."""
        return [plain(role, said(one)) for role, one in row.items() if ROLES[role].how not in MEDIA]


def said(value: Any) -> str:
    """A value of a row as a text."""
    if isinstance(value, list | tuple) and not any(isinstance(one, dict) for one in value):
        return " ".join(map(said, value))
    return str(value)
