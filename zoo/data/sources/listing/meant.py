"""What could be meant by a folder or a file that is not there, or that nothing reads."""

import re
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from zoo.errors import near

_READ = 1 << 11  # bytes of a file that tell its format
_MOST = 1000  # names of a folder that are looked at
_SERVED = ("https", "http", "s3", "gs", "hf", "file", "ftp", "memory", "az", "abfs")
_TABLES = (".csv", ".tsv", ".jsonl", ".parquet")


def folder_meant(folder: Path, entries: Iterable[str]) -> Path | None:
    """The folder that holds `entries`: one beside that is called alike, else the one around it, or
    any beside; None where none does.
    """
    above = next(one for one in folder.absolute().parents if one.is_dir())
    try:
        beside = {one.name: one for one in islice(above.iterdir(), _MOST) if one.is_dir()}
    except OSError:
        return None
    missing = folder.absolute().relative_to(above).parts[0]
    alike = [beside[spelled]] if (spelled := near(missing, beside)) else []
    places = [*alike, above, *beside.values()]
    return next((one for one in places if all(_holds(one, entry) for entry in entries)), None)


def _holds(folder: Path, entry: str) -> bool:
    """Whether a folder has what an entry names; of a pattern its first plain part decides."""
    plain = re.split(r"[*?\[{]", entry, maxsplit=1)[0]
    try:
        return (folder / plain).exists() and (plain == entry or bool(plain))
    except OSError:
        return False


def file_meant(folder: Path) -> str:
    """The name of the only table in a folder, or nothing."""
    names = (one.name for one in islice(folder.iterdir(), _MOST))
    tables = [name for name in names if Path(name).suffix.lower() in _TABLES]
    return tables[0] if len(tables) == 1 else ""


def format_meant(path: Path) -> str:
    """The format of a text whose suffix says none, as it begins; nothing of a binary file."""
    try:
        with path.open("rb") as file:
            begin = file.read(_READ)
        text = begin.decode("utf-8-sig", "ignore" if len(begin) == _READ else "strict").lstrip()
    except (OSError, UnicodeDecodeError):
        return ""
    if not text.isprintable() and re.search(r"[\x00-\x08]", text):
        return ""
    header = text.partition("\n")[0]
    if text.startswith(("{", "[")):
        return "jsonl" if text.startswith("{") else "json"
    if "\t" in header:
        return "tsv"
    return "csv" if re.search(r"[,;|]", header) else "text" if text else ""


def place_meant(url: str) -> tuple[str, str]:
    """(folder, name) of a file by URL, its protocol spelled as one that there is."""
    protocol, _, rest = url.partition("://")
    spelled = protocol if protocol in _SERVED else near(protocol, _SERVED) or _SERVED[0]
    folder, _, name = rest.rpartition("/")
    return (f"{spelled}://{folder}", name) if folder else (f"{spelled}://{name}", "*")
