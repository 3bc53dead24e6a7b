"""The map of the house names what is there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
ZOO = ROOT / "zoo"
TEXT = (ZOO / "README.md").read_text(encoding="utf-8")
CODE = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", TEXT, flags=re.DOTALL))


def found(name: str) -> Path | None:
    """A file or folder that the map names, from the house or from the checkout."""
    return next((root / name for root in (ZOO, ROOT) if (root / name).exists()), None)


def test_every_file_and_folder_of_the_map_exists() -> None:
    named = [word.split(":")[0] for word in CODE if re.match(r"[\w./-]+(/|\.py|\.json)(:|$)", word)]
    for name in named:  # some are named below their room
        assert found(name) or any(ZOO.rglob(name.rstrip("/"))), name
    assert len(named) > 40


def test_every_name_in_a_file_of_the_map_stands_there() -> None:
    pairs = [word.split(": ") for word in CODE if re.fullmatch(r"[\w./]+\.py: \w+", word)]
    for file, name in pairs:
        path = found(file)
        assert path is not None, file
        assert re.search(rf"^(def|class) {name}\b|^{name}\b", path.read_text(), re.MULTILINE), name
    assert len(pairs) >= 8


def test_every_room_is_on_the_map() -> None:
    rooms = {path.name for path in ZOO.iterdir() if (path / "__init__.py").exists()}
    assert rooms <= {word.rstrip("/") for word in CODE}


def test_the_map_is_a_page() -> None:
    assert len(TEXT.splitlines()) < 100
