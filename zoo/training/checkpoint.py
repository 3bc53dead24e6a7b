"""Checkpoints: fragments of named tensors, free of the layout that wrote them.

A folder holds `state-<rank>.safetensors`, `progress.json` and `manifest.json` (size and SHA-256 of
each file); it is written beside, renamed when every rank's file is on the disk, and only then does
`latest` move. zoo.training.reader reads it.
"""

import json
import shutil
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from zoo.engines.engine import Engine, Fragment
from zoo.errors import DiskError, ResumeError
from zoo.layout import Part
from zoo.training.disk.kept import (
    BEST,
    LATEST,
    MANIFEST,
    describe,
    point,
    prune,
)
from zoo.training.disk.together import on_first, together
from zoo.training.disk.writing import move_aside, share, sync, told_in_a_line, write_json
from zoo.training.folder import RunFolder
from zoo.training.progress import Progress
from zoo.training.reader import FORMAT, PROGRESS
from zoo.training.world import Here

PACKAGES = ("torch", "deepspeed", "transformers")


def save(folder: RunFolder, engine: Engine, progress: Progress, keep: int, here: Here) -> Path:
    """Writes `checkpoints/step-<step>`, moves `latest` and removes old ones beyond `keep`.

    Every rank must call it. Returns the checkpoint's folder. Where the disk of one rank refuses,
    all raise DiskError and nothing half is left; ResumeError where another run has the folder now.
    """
    final = folder.checkpoint(progress.step)
    part = part_of(folder, progress)
    on_first(here, lambda: begin(folder, part))
    try:
        name = f"state-{here.place.rank:05d}.safetensors"
        fragments = list(engine.fragments())
        entries = together(here, lambda: write_state(part / name, fragments))
        counters = {
            "progress": progress.to_json(),
            "engine": engine.counters(),
            "layout": engine.layout_name,
        }
        on_first(here, lambda: finish(folder, part, final, counters, dict(entries)))
    except (DiskError, ResumeError):
        if here.first:
            shutil.rmtree(part, ignore_errors=True)
        raise
    on_first(here, lambda: clear(folder, keep, progress))
    return final


def part_of(folder: RunFolder, progress: Progress) -> Path:
    """Where the checkpoint of this step is written before it has its name."""
    final = folder.checkpoint(progress.step)
    return final.with_name(f".{final.name}.part")


def begin(folder: RunFolder, part: Path) -> None:
    """Makes the folder that all ranks write into."""
    folder.refuse_if_lost()
    with told_in_a_line(part):
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)


def write_state(path: Path, fragments: Iterable[Fragment]) -> tuple[str, dict[str, Any]]:
    """One rank's file: the fragments that it must write, their places in the file's metadata.

    Raises DiskError where the disk refuses.
    """
    owned = [fragment for fragment in fragments if fragment.primary]
    index = {f.key: place_of(f) for f in owned}
    tensors = {f.key: f.tensor.detach().cpu() for f in owned}
    with told_in_a_line(path):
        save_file(tensors, path, metadata={"index": json.dumps(index)})
        share(path)
        sync(path)
        sync(path.parent)
        return describe(path)


def finish(
    folder: RunFolder, part: Path, final: Path, counters: dict[str, Any], entries: dict[str, Any]
) -> None:
    """Writes what rank 0 knows, gives the folder its name and moves `latest`."""
    versions = {name: version(name) for name in PACKAGES}
    with told_in_a_line(part):
        write_json(part / PROGRESS, counters | {"format": FORMAT, "versions": versions})
        write_json(part / MANIFEST, dict([*entries.items(), describe(part / PROGRESS)]))
        folder.refuse_if_lost()
        if final.exists():
            move_aside(final, ".broken-")
        part.rename(final)
        sync(final.parent)
        point(folder.root, LATEST, final)


def clear(folder: RunFolder, keep: int, progress: Progress) -> None:
    """Removes what is no longer kept."""
    with told_in_a_line(folder.root):
        prune(folder.root, keep, progress.step, progress.best_step)


def point_at_best(folder: RunFolder, best: Path, here: Here) -> None:
    """Makes `best` name a checkpoint; every rank must call it."""

    def write() -> None:
        folder.refuse_if_lost()
        with told_in_a_line(folder.root):
            point(folder.root, BEST, best)

    on_first(here, write)


def place_of(fragment: Fragment) -> dict[str, Any]:
    """A fragment's entry in the index: where it lies in the full tensor."""
    place: dict[str, Any] = {"shape": fragment.shape, "start": fragment.start}
    return place | ({"part": cuts_of(fragment.part)} if fragment.part else {})


def cuts_of(part: Part) -> dict[str, Any] | list[dict[str, Any]]:
    """A part in the index: its cut, or a list where several dimensions are cut."""
    cuts = [{"dim": dim, "slices": slices} for dim, slices in part.cuts]
    return cuts[0] if len(cuts) == 1 else cuts
