"""Checkpoints: fragments of named tensors, free of the layout that wrote them.

A folder holds `state-<rank>.safetensors`, `progress.json` and `manifest.json` (size and SHA-256 of
each file); it is written beside, renamed when every rank's file is on the disk, and only then does
`latest` move. zoo.training.reader reads it.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from zoo.engines.engine import Engine, Fragment
from zoo.layout import Part
from zoo.training.progress import Progress
from zoo.training.reader import PROGRESS
from zoo.training.world import Here

FORMAT = 1
MANIFEST = "manifest.json"
PACKAGES = ("torch", "deepspeed", "transformers")


def save(root: Path, engine: Engine, progress: Progress, here: Here) -> Path:
    """Writes `checkpoints/step-<step>` and moves `latest`; every rank must call it.

    Returns the folder. Whatever already lies at its place is moved aside, never overwritten.
    """
    final = root / "checkpoints" / f"step-{progress.step:08d}"
    part = final.with_name(f".{final.name}.part")
    if here.first:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
    here.gather(None)
    entry = write_state(part / f"state-{here.place.rank:05d}.safetensors", engine.fragments())
    entries = here.gather(entry)
    if here.first:
        counters = {
            "progress": progress.to_json(),
            "engine": engine.counters(),
            "layout": engine.layout_name,
        }
        versions = {name: version(name) for name in PACKAGES}
        write_json(part / PROGRESS, counters | {"format": FORMAT, "versions": versions})
        write_json(part / MANIFEST, dict([*entries, describe(part / PROGRESS)]))
        commit(part, final)
        point(root / "latest", final.name)
    here.gather(None)
    return final


def write_state(path: Path, fragments: Iterable[Fragment]) -> tuple[str, dict[str, Any]]:
    """One rank's file: the fragments that it must write, their places in the file's metadata."""
    owned = [fragment for fragment in fragments if fragment.primary]
    index = {f.key: place_of(f) for f in owned}
    tensors = {f.key: f.tensor.detach().cpu() for f in owned}
    save_file(tensors, path, metadata={"index": json.dumps(index)})
    with path.open("rb+") as file:
        os.fsync(file.fileno())
    return describe(path)


def place_of(fragment: Fragment) -> dict[str, Any]:
    """A fragment's entry in the index: where it lies in the full tensor."""
    place: dict[str, Any] = {"shape": fragment.shape, "start": fragment.start}
    return place | ({"part": cuts_of(fragment.part)} if fragment.part else {})


def cuts_of(part: Part) -> dict[str, Any] | list[dict[str, Any]]:
    """A part in the index: its cut, or a list where several dimensions are cut."""
    cuts = [{"dim": dim, "slices": slices} for dim, slices in part.cuts]
    return cuts[0] if len(cuts) == 1 else cuts


def describe(path: Path) -> tuple[str, dict[str, Any]]:
    """A manifest's entry for one file."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return path.name, {"bytes": path.stat().st_size, "sha256": digest}


def write_json(path: Path, value: Any) -> None:
    """Writes JSON beside and renames it over `path`; on the disk when this returns."""
    beside = path.with_name(f".{path.name}.part")
    with beside.open("w", encoding="utf-8") as file:
        json.dump(value, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def commit(part: Path, final: Path) -> None:
    """Renames a finished folder into place; an older (broken) one there is moved aside."""
    if final.exists():
        number = 1
        while (aside := final.with_name(f"{final.name}.broken-{number}")).exists():
            number += 1
        final.rename(aside)
    part.rename(final)
    folder = os.open(final.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


def point(pointer: Path, name: str) -> None:
    """Makes a pointer file (`latest`, `best`) say a checkpoint's name, by rename."""
    beside = pointer.with_name(f".{pointer.name}.part")
    beside.write_text(name + "\n", encoding="utf-8")
    beside.replace(pointer)


def folders(root: Path) -> list[Path]:
    """A run's checkpoint folders, newest first."""
    found = (root / "checkpoints").glob("step-*")
    return sorted((p for p in found if p.name.removeprefix("step-").isdigit()), reverse=True)


def fault_of(folder: Path, share: int = 0, shares: int = 1) -> str | None:
    """What is wrong with a checkpoint, or None; of the bytes, every `shares`-th file's."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        for number, (name, entry) in enumerate(sorted(manifest.items())):
            path = folder / name
            if path.stat().st_size != entry["bytes"]:
                return f"{path} has {path.stat().st_size} bytes instead of {entry['bytes']}"
            if number % shares == share and describe(path)[1]["sha256"] != entry["sha256"]:
                return f"{path} has another SHA-256 than the manifest"
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return f"{folder}: {error}"
    return None


def newest_whole(root: Path, here: Here) -> tuple[Path | None, list[str]]:
    """The newest whole checkpoint and what is wrong with newer ones; every rank must call it."""
    messages: list[str] = []
    for folder in here.gather(folders(root))[0]:
        faults = here.gather(fault_of(folder, here.place.rank, here.place.world))
        message = next((fault for fault in faults if fault), None)
        if message is None:
            return folder, messages
        messages.append(f"skipping a checkpoint that is not whole: {message}")
    return None, messages


def prune(root: Path, keep: int) -> None:
    """Removes all but the `keep` newest checkpoints and the best; only rank 0 may call it."""
    best = (root / "best").read_text().strip() if (root / "best").exists() else ""
    for folder in folders(root)[keep:]:
        if folder.name != best:
            going = folder.with_name(f".{folder.name}.old")
            folder.rename(going)
            shutil.rmtree(going, ignore_errors=True)
    for left in (root / "checkpoints").glob(".step-*.old"):
        shutil.rmtree(left, ignore_errors=True)
