"""What was found in folders with many files, kept under the cache and mapped from there.

It is true as long as no folder that was looked into has changed: adding, removing and renaming
change a folder's time, writing into a file that is there does not. `zoo check --deep` lists all
anew.
"""

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from zoo.data.cache import cached
from zoo.data.rows import digest
from zoo.data.sources.listing.paths import Classes, Paths, mapped
from zoo.data.sources.listing.stats import files_digest
from zoo.data.sources.listing.walk import Many, Walk, stamp

MANY = 10_000
"""Files, from which on a listing is kept; fewer are listed at every start."""
_SETTLED = 2_000_000_000  # ns; a folder that has just changed may change again at the same time


@dataclass(frozen=True)
class Found:
    """Files of one format below the folder `files.root`, and the classes of images in folders."""

    kind: str
    files: Paths
    rivals: tuple[str, ...] = ()
    """Formats of tables among which nobody chose."""
    classes: Classes | None = None


Look = Callable[[Walk], Found | None]


def kept(root: Path | None, key: str, look: Look) -> Found | None:
    """What `look` finds. Beyond MANY files it is looked for once, kept under `root` by this name
    and the folders' times, and mapped at later starts; of several processes one looks.
    """
    if root is None:
        return look(Walk())
    pointer = root / f"listing-{key}.json"
    if (found := _true(pointer)) is not None:
        return found
    try:
        return look(Walk(MANY))
    except Many:
        pass
    root.mkdir(parents=True, exist_ok=True)
    with FileLock(root / f"listing-{key}.lock"):
        if (found := _true(pointer)) is not None:
            return found
        began, walk = time.time_ns(), Walk()
        found = look(walk)
        return _keep(root, pointer, found, walk, began) if found and len(found.files) else found


def forget(root: Path) -> None:
    """Lets the next start list everything anew; who has a listing open keeps it."""
    for pointer in root.glob("listing-*.json"):
        pointer.unlink(missing_ok=True)


def _keep(root: Path, pointer: Path, found: Found, walk: Walk, began: int) -> Found:
    """Writes the arrays, named by what they hold, then who they are of."""
    content = files_digest(found.files)
    facts = {
        "kind": found.kind,
        "root": found.files.root,
        "rivals": found.rivals,
        "digest": content,
        "classes": None if found.classes is None else found.classes.named,
    }

    def build(folder: Path) -> None:
        np.save(folder / "names.npy", found.files.letters)
        np.save(folder / "ends.npy", found.files.ends)
        if found.classes is not None:
            np.save(folder / "codes.npy", found.classes.codes)
        (folder / "facts.json").write_text(json.dumps(facts), encoding="utf-8")

    folder = cached(root, f"listing-{digest(facts)}", build)
    if began - max(time_ns for time_ns, _ in walk.folders.values()) > _SETTLED:
        about = {"arrays": folder.name, "folders": walk.folders}
        beside = pointer.with_suffix(f".{os.uname().nodename}.{os.getpid()}.part")
        beside.write_text(json.dumps(about), encoding="utf-8")
        beside.rename(pointer)
    return _open(folder)


def _true(pointer: Path) -> Found | None:
    """What is kept, if every folder that was looked into is as it was."""
    try:
        about: dict[str, Any] = json.loads(pointer.read_text(encoding="utf-8"))
        same = all(stamp(folder) == then for folder, then in about["folders"].items())
        return _open(pointer.parent / about["arrays"]) if same else None
    except (OSError, ValueError, KeyError):
        return None  # nothing is kept, or somebody cleared the cache


def _open(folder: Path) -> Found:
    facts: dict[str, Any] = json.loads((folder / "facts.json").read_text(encoding="utf-8"))
    names, ends, named = mapped(folder / "names.npy"), mapped(folder / "ends.npy"), facts["classes"]
    return Found(
        facts["kind"],
        Paths(facts["root"], names, ends, facts["digest"]),
        tuple(facts["rivals"]),
        None if named is None else Classes(named, mapped(folder / "codes.npy")),
    )
