"""Reads checkpoints: any range of any part of a tensor, whatever layout wrote it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

from zoo.engines.engine import Fragment
from zoo.errors import ResumeError
from zoo.layout import Part, Slices

PROGRESS = "progress.json"
FORMAT = 1  # of what checkpoints hold; a higher one is a later version's
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Piece:
    """One fragment in an open file: elements [start, end) of the flattened part."""

    file: Any
    part: Part | None
    start: int
    end: int


@dataclass(frozen=True)
class Run:
    """What lies side by side both in a part (from `here`) and in the full tensor (from `there`)."""

    here: int
    there: int
    count: int


class Reader:
    """The tensors of one checkpoint, of which only the bytes that are asked for are read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pieces: dict[str, list[Piece]] = {}
        self.shapes: dict[str, Shape] = {}
        for path in sorted(folder.glob("state-*.safetensors")):
            file = safe_open(path, framework="pt")  # stays mapped: a header lists all its tensors
            for key, entry in json.loads(file.metadata()["index"]).items():
                shape, start = tuple(entry["shape"]), entry["start"]
                end = start + file.get_slice(key).get_shape()[0]
                piece = Piece(file, simplest(_part_of(entry), shape), start, end)
                self.pieces.setdefault(key, []).append(piece)
                self.shapes[key] = shape

    def counters(self) -> dict[str, Any]:
        """What progress.json says; ResumeError where a later version wrote it."""
        values: dict[str, Any] = json.loads((self.folder / PROGRESS).read_text(encoding="utf-8"))
        if (found := values.get("format", FORMAT)) > FORMAT:
            raise ResumeError(f"{self.folder} has format {found}; this version reads {FORMAT}")
        return values

    def read(self, fragment: Fragment) -> None:
        """Fills a fragment in place; ResumeError where its shape is another or some is missing."""
        if self.shapes.get(fragment.key) != fragment.shape:
            found = self.shapes.get(fragment.key, "nothing")
            raise ResumeError(
                f"{self.folder}: {fragment.key}: found {found}, need {fragment.shape}"
            )
        self.copy(fragment.key, fragment.part, fragment.start, fragment.tensor)

    def copy(self, key: str, part: Part | None, start: int, out: Tensor) -> None:
        """Copies elements [start, start + len(out)) of the flattened part of `key` into flat `out`.

        Raises ResumeError where the files lack some of them, or of the rows they stand in.
        """
        if not out.numel():
            return
        shape = self.shapes[key]
        part, held = simplest(part, shape), {piece.part for piece in self.pieces[key]}
        if len({tuple(dim for dim, _ in one.cuts) for one in held if one}) > 1:
            found = f"{key} is cut along several dimensions, not by all ranks along the same"
            raise ResumeError(f"{self.folder}: {found}")
        parts = [one for one in (part, *held) if one]
        if all(in_runs(one, shape) for one in parts):
            self._copy_runs(key, part, start, out)
        elif part in held:
            out.copy_(self._rows(key, part, start, start + out.numel()))
        else:
            first = min(dim for one in parts for dim, _ in one.cuts)
            self._copy_boxes(key, part, first, start, out)

    def names(self) -> frozenset[str]:
        """The module names of the weights and buffers (Weights of zoo.models.fill)."""
        kinds = ("param/", "buffer/")
        return frozenset(key.partition("/")[2] for key in self.shapes if key.startswith(kinds))

    def key(self, name: str) -> str:
        """The key of a weight or buffer."""
        return next(key for key in (f"param/{name}", f"buffer/{name}") if key in self.shapes)

    def shape(self, name: str) -> Shape:
        """The full shape of a weight or buffer."""
        return self.shapes[self.key(name)]

    def tensor(self, name: str) -> Tensor:
        """One whole weight or buffer in the type it was saved in (Weights of zoo.models.fill)."""
        return self.whole(self.key(name))

    def whole(self, key: str) -> Tensor:
        """The full tensor under a key, put together from whatever parts were written."""
        shape = self.shapes[key]
        out = torch.empty(prod(shape), dtype=self._dtype(key))
        self.copy(key, None, 0, out)
        return out.view(shape)

    def _dtype(self, key: str) -> torch.dtype:
        dtype: torch.dtype = self.pieces[key][0].file.get_slice(key)[:1].dtype
        return dtype

    def _copy_runs(self, key: str, part: Part | None, start: int, out: Tensor) -> None:
        """Where every part is a few runs of the flattened tensor: overlap by overlap."""
        shape, done = self.shapes[key], 0
        wanted = clipped(flat_runs(part, shape), start, start + out.numel())
        for piece in self.pieces[key]:
            held = clipped(flat_runs(piece.part, shape), piece.start, piece.end)
            for into, begin, count in overlaps(wanted, held):
                self._read(key, piece, begin, out[into - start :][:count])
                done += count
        self._check(key, done, out.numel())

    def _copy_boxes(self, key: str, part: Part | None, first: int, start: int, out: Tensor) -> None:
        """Where what is cut, from dimension `first` on, has others before it, or is cut again.

        The full tensor is seen as rows of boxes: of each row that is asked for, every written part
        gives the boxes that it shares with the wanted one.
        """
        shape = self.shapes[key]
        own, dims = (part.shape(shape) if part else shape)[first:], range(first, len(shape))
        low, high = start // prod(own), -(-(start + out.numel()) // prod(own))
        buffer = torch.empty(high - low, *own, dtype=self._dtype(key))
        done = 0
        for held in {piece.part for piece in self.pieces[key]}:
            shared = (
                overlaps(runs_along(part, d, shape), runs_along(held, d, shape)) for d in dims
            )
            boxes = list(product(*map(list, shared)))
            if boxes:
                theirs = (held.shape(shape) if held else shape)[first:]
                rows = self._rows(key, held, low * prod(theirs), high * prod(theirs))
                rows = rows.view(high - low, *theirs)
            for box in boxes:
                into = tuple(slice(place, place + count) for place, _, count in box)
                begin = tuple(slice(place, place + count) for _, place, count in box)
                buffer[:, *into] = rows[:, *begin]
                done += buffer[:, *into].numel()
        self._check(key, done, buffer.numel())
        out.copy_(buffer.view(-1)[start - low * prod(own) :][: out.numel()])

    def _rows(self, key: str, part: Part | None, start: int, end: int) -> Tensor:
        """Elements [start, end) of one written part, put together from its pieces."""
        out, done = torch.empty(end - start, dtype=self._dtype(key)), 0
        for piece in self.pieces[key]:
            low, high = max(start, piece.start), min(end, piece.end)
            if piece.part == part and low < high:
                self._read(key, piece, low, out[low - start : high - start])
                done += high - low
        self._check(key, done, out.numel())
        return out

    def _read(self, key: str, piece: Piece, start: int, out: Tensor) -> None:
        """Copies from one file; `start` counts in the flattened part, as the piece's does."""
        begin = start - piece.start
        out.copy_(piece.file.get_slice(key)[begin : begin + out.numel()])

    def _check(self, key: str, done: int, needed: int) -> None:
        if done != needed:
            raise ResumeError(f"{self.folder}: {key} holds {done} of {needed} elements")


def _part_of(entry: dict[str, Any]) -> Part | None:
    """A part as the index has it: one cut, or a list of several."""
    part = entry.get("part")
    if not part:
        return None
    cuts = part if isinstance(part, list) else [part]
    return Part(tuple((one["dim"], tuple((a, b) for a, b in one["slices"])) for one in cuts))


def simplest(part: Part | None, shape: Shape) -> Part | None:
    """The part less the cuts whose slices are all of their dimension in order; None without any."""
    cuts = []
    for dim, slices in part.cuts if part else ():
        bounds = [0, *(bound for one in slices for bound in one), shape[dim]]
        if any(a != b for a, b in zip(bounds[::2], bounds[1::2], strict=True)):
            cuts.append((dim, slices))
    return Part(tuple(cuts)) if cuts else None


def runs(slices: Slices, inner: int = 1) -> list[Run]:
    """The runs of slices of a dimension; an index counts for `inner`."""
    here, found = 0, []
    for start, stop in slices:
        found.append(Run(here, start * inner, (stop - start) * inner))
        here += (stop - start) * inner
    return found


def runs_along(part: Part | None, dim: int, shape: Shape) -> list[Run]:
    """The runs of a part, or of all, along one dimension."""
    slices = part.slices(dim) if part else None
    return runs(((0, shape[dim]),) if slices is None else slices)


def in_runs(part: Part, shape: Shape) -> bool:
    """Whether a part is a few runs of the flattened tensor: one cut with no dimension before it."""
    return len(part.cuts) == 1 and prod(shape[: part.cuts[0][0]]) == 1


def flat_runs(part: Part | None, shape: Shape) -> list[Run]:
    """The runs, in elements, of a part that is `in_runs`, or of all the tensor."""
    if part is None:
        return runs(((0, prod(shape)),))
    dim, slices = part.cuts[0]
    return runs(slices, prod(shape[dim + 1 :]))


def clipped(several: list[Run], start: int, end: int) -> list[Run]:
    """What of the runs lies in [start, end) of the part."""
    found = []
    for run in several:
        low, high = max(start, run.here), min(end, run.here + run.count)
        if low < high:
            found.append(Run(low, run.there + low - run.here, high - low))
    return found


def overlaps(wanted: list[Run], held: list[Run]) -> Iterator[tuple[int, int, int]]:
    """Where both have the same of the full tensor: place in the wanted part, in the held, count."""
    for one in wanted:
        for other in held:
            low = max(one.there, other.there)
            count = min(one.there + one.count, other.there + other.count) - low
            if count > 0:
                yield one.here + low - one.there, other.here + low - other.there, count
