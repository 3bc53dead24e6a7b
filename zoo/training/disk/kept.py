"""Which checkpoints a folder holds: which are whole, which one a run starts from, which may go."""

import hashlib
import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo.errors import ResumeError
from zoo.training.disk.together import on_first
from zoo.training.disk.writing import move_aside, told_in_a_line, write_text
from zoo.training.world import Here

CHECKPOINTS, MANIFEST = "checkpoints", "manifest.json"
LATEST, BEST = "latest", "best"
PAUSES = (0.2, 0.8, 2.0)
"""Seconds before a checkpoint that could not be read is read again: file servers lag."""


def name_of(step: int) -> str:
    """A checkpoint's folder."""
    return f"step-{step:08d}"


def step_of(folder: Path) -> int:
    """After which step a checkpoint was saved."""
    return int(folder.name.removeprefix("step-"))


def folders(root: Path) -> list[Path]:
    """A run's checkpoint folders, newest first, whole or not."""
    found = (root / CHECKPOINTS).glob("step-*")
    numbered = (path for path in found if path.name.removeprefix("step-").isdigit())
    return sorted(numbered, key=step_of, reverse=True)


def point(root: Path, pointer: str, folder: Path) -> None:
    """Makes a pointer (LATEST, BEST) say a checkpoint's name."""
    write_text(root / pointer, folder.name + "\n")


def pointed(root: Path, pointer: str) -> Path | None:
    """The checkpoint that a pointer names, there or not; None where it names none."""
    try:
        name = (root / pointer).read_text(encoding="utf-8").strip()
    except OSError:
        return None
    known = name.startswith("step-") and name.removeprefix("step-").isdigit()
    return root / CHECKPOINTS / name if known else None


def describe(path: Path) -> tuple[str, dict[str, Any]]:
    """A manifest's entry for one file."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return path.name, {"bytes": path.stat().st_size, "sha256": digest}


def proof(folder: Path) -> dict[str, Any]:
    """What tells a checkpoint from any other: its manifest's own entry."""
    return describe(folder / MANIFEST)[1]


def fault_of(folder: Path, share: int = 0, shares: int = 1) -> str | None:
    """What is wrong with a checkpoint, or None; of the bytes, every `shares`-th file's.

    What may be a file server's lag is looked at again after PAUSES.
    """
    for pause in PAUSES:
        fault = size_fault(folder)
        if fault is None:
            break
        time.sleep(pause)
    return size_fault(folder) or _content_fault(folder, share, shares)


def size_fault(folder: Path) -> str | None:
    """Which file of the manifest is not there or has another size, or None; no bytes are read."""
    try:
        for name, entry in _manifest(folder).items():
            size = (folder / name).stat().st_size
            if size != entry["bytes"]:
                return f"{folder / name} has {size} bytes instead of {entry['bytes']}"
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return f"{folder}: {error}"
    return None


def _content_fault(folder: Path, share: int, shares: int) -> str | None:
    """Which file of a share has other bytes than the manifest says, or None."""
    try:
        for name, entry in sorted(_manifest(folder).items())[share::shares]:
            if describe(folder / name)[1]["sha256"] != entry["sha256"]:
                return f"{folder / name} has another SHA-256 than the manifest"
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return f"{folder}: {error}"
    return None


def _manifest(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    return found


def whole(root: Path, first: Path | None = None) -> Path | None:
    """The checkpoint `first` if it is whole, or else the newest that is; read by one process."""
    found = folders(root)
    if first in found:
        found = [first, *(folder for folder in found if folder != first)]
    return next((folder for folder in found if fault_of(folder) is None), None)


@dataclass(frozen=True)
class Found:
    """A checkpoint to go on from (None: there is none yet), those that are newer, and why not."""

    folder: Path | None = None
    newer: tuple[Path, ...] = ()
    faults: tuple[str, ...] = ()


def start_of(root: Path, here: Here, step: int | None = None) -> Found:
    """The newest whole checkpoint, or that of `step`; every rank must call it.

    Raises ResumeError on all ranks where there are checkpoints and none of them can be read:
    nothing is started at step 0 instead.
    """
    there = on_first(here, lambda: _named(root))
    wanted = [path for path in there if step is None or step_of(path) == step]
    if step is not None and not wanted:
        have = ", ".join(str(step_of(path)) for path in reversed(there)) or "none"
        raise ResumeError(f"{root} has no checkpoint of step {step}; there are: {have}")
    faults: list[str] = []
    for folder in wanted:
        share = here.place.rank, here.place.world
        found = [fault for fault in here.gather(fault_of(folder, *share)) if fault]
        if not found:
            return Found(folder, tuple(there[: there.index(folder)]), tuple(faults))
        faults.append(found[0])
    if faults:
        said = "holds no checkpoint that can be read (--fresh starts over beside it)"
        raise ResumeError("\n".join([f"{root} {said}:", *faults]))
    return Found()


def _named(root: Path) -> list[Path]:
    """All checkpoints that should be there, newest first: `latest` may know one that is gone."""
    latest, found = pointed(root, LATEST), folders(root)
    unseen = [latest] if latest is not None and latest not in found else []
    return sorted([*found, *unseen], key=step_of, reverse=True)


def set_newer_aside(root: Path, found: Found) -> list[str]:
    """Renames what is newer than the checkpoint a run goes on from, broken or superseded, and
    points `latest` at that; a line for each. Only rank 0 may call it.
    """
    lines = [f"skipping a checkpoint that is not whole: {fault}" for fault in found.faults]
    word = ".broken-" if found.faults else ".superseded-"
    with told_in_a_line(root):
        lines += [
            f"{folder.name} lies aside as {move_aside(folder, word).name}"
            for folder in found.newer
            if folder.exists()
        ]
        if found.folder is not None:
            point(root, LATEST, found.folder)
    return lines


def prune(root: Path, keep: int, step: int, best_step: int | None) -> None:
    """Removes older checkpoints than the `keep` newest whole ones up to `step`, but not the best.

    Broken ones and those beyond the step neither count nor go. Only rank 0 may call it.
    """
    spared = {pointed(root, BEST), root / CHECKPOINTS / name_of(best_step or 0)}
    own = [path for path in folders(root) if step_of(path) <= step and size_fault(path) is None]
    for folder in own[keep:]:
        if folder not in spared:
            going = folder.with_name(f".{folder.name}.old")
            folder.rename(going)
            shutil.rmtree(going, ignore_errors=True)
    for left in (root / CHECKPOINTS).glob(".step-*.old"):
        shutil.rmtree(left, ignore_errors=True)
