"""What a column may be to a task, and how it is read."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

How = Literal[
    "text", "value", "messages", "image", "audio", "objects", "mask", "words", "tags", "spans",
    "answers",
]  # fmt: skip


@dataclass(frozen=True)
class Role:
    """One role: `how` its column is read; `measured`: its characters (or words) are an example's
    length; `names`: its values name classes, which become ids (one, or each of several)."""

    doc: str
    how: How
    measured: bool = False
    names: bool = False
    optional: bool = False
    """Rows may have nothing there."""


ROLES: dict[str, Role] = {
    "text": Role("The text of an example.", "text", measured=True),
    "text_pair": Role("The second text of a pair.", "text", measured=True),
    "label": Role("What the example is: a class name or id, or a number.", "value", names=True),
    "tokens": Role("The words of an example: a list, or a text cut at spaces.", "words", True),
    "tags": Role("The tag of each word: a list of names or ids.", "tags", names=True),
    "entities": Role(
        "Stretches of the text that have a name: a list of `start`, `end` (characters; the end is "
        "the first behind it) and `label`. They become B- and I- tags of words.",
        "spans",
        names=True,
    ),
    "question": Role("What is asked of a context.", "text", measured=True),
    "context": Role("The text that holds the answer.", "text", measured=True),
    "answers": Role(
        "The answers that are right, as in SQuAD: `text` and `answer_start`, its first character "
        "in the context; none where the context does not say.",
        "answers",
    ),
    "messages": Role(
        "A chat: a list of role and content (or from and value); calls of tools stay in it.",
        "messages",
    ),
    "tools": Role(
        "What the assistant may call in a chat: a list of functions.", "messages", optional=True
    ),
    "instruction": Role("What the assistant is asked for.", "text", measured=True),
    "input": Role("What the instruction is about.", "text", measured=True, optional=True),
    "output": Role("What the assistant answers.", "text", measured=True),
    "prompt": Role("What the model is given.", "text", measured=True),
    "completion": Role("What the model is to write.", "text", measured=True),
    "chosen": Role("The answer to the prompt that is preferred.", "text", measured=True),
    "rejected": Role("The answer that the chosen one is preferred to.", "text", measured=True),
    "source": Role("The text that is rewritten.", "text", measured=True),
    "target": Role("What it is to become.", "text", measured=True),
    "image": Role(
        "An image: bytes, or a path. It is turned upright (EXIF), 16 bits of gray are scaled to 8, "
        "floating point is 0 to 1, and what is transparent lies on white.",
        "image",
    ),
    "objects": Role(
        "What is in an image: an object of lists `bbox` and `category`, or a list of such objects; "
        "`iscrowd` and `area` are read where they are there (COCO).",
        "objects",
        names=True,
    ),
    "mask": Role("The class id of every pixel of an image, as an image: bytes, or a path.", "mask"),
    "audio": Role("A clip: bytes, or a path. A truncated file is a corrupt example.", "audio"),
    "transcript": Role(
        "What is said in a clip; composed (NFC), and all apostrophes are made straight.", "text"
    ),
}


MEDIA = ("image", "mask", "audio")
"""How roles are read whose columns hold bytes or paths."""


def role_of_classes(roles: Collection[str]) -> str | None:
    """Of the roles that rows hold the one whose values name classes, if there is one."""
    return next((role for role in ROLES if role in roles and ROLES[role].names), None)
