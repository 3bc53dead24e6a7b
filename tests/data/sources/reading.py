"""What the tests of sources ask: every row or what is wrong with it, and what a fault says."""

from typing import Any

import pytest

from zoo.data.rows import CorruptExample, Rows
from zoo.errors import ConfigError


def rows_of(rows: Rows) -> list[Any]:
    """Every row, or what is wrong with it."""
    found: list[Any] = []
    for index in range(len(rows)):
        try:
            found.append(rows[index])
        except CorruptExample as error:
            found.append(str(error).partition(" ")[2])
    return found


def said(opened: Any, *arguments: Any, **data: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        opened(*arguments, **data)
    return str(caught.value)
