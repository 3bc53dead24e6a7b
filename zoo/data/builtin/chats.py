"""Built-in `docstring-chats`: a user gives the head of a function or class of the standard library,
and the assistant says what it is for, by the first sentence of its docstring.
"""

from pathlib import Path

from zoo.data.builtin.docstrings import described
from zoo.data.rows import ListRows, digest
from zoo.data.sources.opened import Opened, Wanted

_VERSION = 1


def open_chats(split: str, root: Path, wanted: Wanted) -> Opened:
    """One of train, validation and test: some thousands, and some hundreds of chats."""
    found = described(split, root)
    rows = [
        {
            "messages": [
                {"role": "user", "content": one.head},
                {"role": "assistant", "content": one.sentence},
            ]
        }
        for one in found
    ]
    return Opened(ListRows(rows, digest("docstring-chats", _VERSION, found)))
