"""A file of a data section, written and opened in one go."""

from pathlib import Path
from typing import Any

import pytest

from zoo.data.source import open_source


@pytest.fixture
def opened(tmp_path: Path, make_recipe: Any) -> Any:
    """opened(kind, name, content, ...) writes a file and opens it as training rows."""

    def open_one(kind: str, name: str, content: str | bytes, **data: Any) -> Any:
        content = content.encode() if isinstance(content, str) else content
        (tmp_path / name).write_bytes(content)
        files = {"source": "files", "folder": str(tmp_path), "train": name, "max_corrupt": 9}
        return open_source(make_recipe(kind, **{**files, **data}))

    return open_one
