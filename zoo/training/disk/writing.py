"""Writing so that nothing is lost: beside, onto the disk, renamed; and what a disk refuses."""

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from zoo.errors import DiskError


def write_text(path: Path, text: str) -> None:
    """Writes beside and renames over `path`: after a power loss there is the old text or the new.

    Raises OSError.
    """
    beside = path.with_name(f".{path.name}.part")
    try:
        with beside.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise
    sync(path.parent)


def write_json(path: Path, value: Any) -> None:
    """Writes JSON as `write_text` does."""
    write_text(path, json.dumps(value, indent=1))


def sync(path: Path) -> None:
    """Puts a file's bytes, or the names in a folder, onto the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_all(folder: Path) -> None:
    """Puts all files of a folder, and it, onto the disk."""
    for path in (*sorted(folder.rglob("*")), folder):
        sync(path)


def share(*paths: Path) -> None:
    """Gives files the rights that the umask gives any new one: safetensors' are their owner's."""
    mask = os.umask(0o077)  # it can only be read by setting it
    os.umask(mask)
    for path in paths:
        path.chmod(0o666 & ~mask)


def move_aside(path: Path, suffix: str) -> Path:
    """Renames a file or folder to its name, `suffix` and the first number that is free."""
    number = 1
    while (aside := path.with_name(f"{path.name}{suffix}{number}")).exists():
        number += 1
    path.rename(aside)
    return aside


def put_in_place(part: Path, final: Path) -> None:
    """Puts a finished folder onto the disk and gives it its name; what lies there is kept as `.1`,
    `.2`, ...
    """
    share(*(path for path in part.rglob("*") if path.is_file()))
    sync_all(part)
    if final.exists() and any(final.iterdir()):
        move_aside(final, ".")
    part.rename(final)
    sync(final.parent)


@contextmanager
def told_in_a_line(where: Path) -> Iterator[None]:
    """Turns what the disk refuses (full, read-only, gone) into a DiskError that names it."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        raise DiskError(f"{_place(error, where)}: {_reason(error)}{_room(where)}") from error


def _place(error: Exception, where: Path) -> str:
    """The file that an error is about, if it tells."""
    return str(getattr(error, "filename", None) or where)


def _reason(error: Exception) -> str:
    """Why, in the system's words; safetensors hides them in its own."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    number = re.search(r"os error (\d+)", str(error))
    return os.strerror(int(number[1])) if number else str(error).splitlines()[0]


def _room(where: Path) -> str:
    """How much room is left on the disk of a path."""
    there = next((path for path in (where, *where.parents) if path.exists()), None)
    if there is None:
        return ""
    usage = shutil.disk_usage(there)
    return f" ({usage.free / 2**20:,.1f} of {usage.total / 2**20:,.1f} MiB are free)"
