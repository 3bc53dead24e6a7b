"""Reads checkpoints: any range of any part of a tensor, whatever layout wrote it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

from zoo.engines.engine import Fragment
from zoo.errors import ResumeError
from zoo.layout import Part

PROGRESS = "progress.json"
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Piece:
    """One fragment in a file: elements [start, end) of the flattened part."""

    path: Path
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
            with safe_open(path, framework="pt") as file:
                for key, entry in json.loads(file.metadata()["index"]).items():
                    shape, start = tuple(entry["shape"]), entry["start"]
                    end = start + file.get_slice(key).get_shape()[0]
                    piece = Piece(path, simplest(_part_of(entry), shape), start, end)
                    self.pieces.setdefault(key, []).append(piece)
                    self.shapes[key] = shape

    def counters(self) -> dict[str, Any]:
        """What progress.json says."""
        values: dict[str, Any] = json.loads((self.folder / PROGRESS).read_text(encoding="utf-8"))
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
        part = simplest(part, shape)
        cuts = {one for one in (part, *(piece.part for piece in self.pieces[key])) if one}
        dims = {cut.dim for cut in cuts}
        if all(prod(shape[:dim]) == 1 for dim in dims):
            self._copy_runs(key, part, start, out)
        elif len(dims) == 1:
            self._copy_rows(key, part, dims.pop(), start, out)
        else:  # cut along another dimension than it was written: no layout of ours does it
            value = self.whole(key)
            if part:
                slices = [value.narrow(part.dim, a, b - a) for a, b in part.slices]
                value = torch.cat(slices, part.dim)
            out.copy_(value.reshape(-1)[start : start + out.numel()])

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
        if len({piece.part.dim for piece in self.pieces[key] if piece.part}) > 1:
            raise ResumeError(f"{self.folder}: {key} is cut along several dimensions")
        shape = self.shapes[key]
        out = torch.empty(prod(shape), dtype=self._dtype(key))
        self.copy(key, None, 0, out)
        return out.view(shape)

    def _dtype(self, key: str) -> torch.dtype:
        with safe_open(self.pieces[key][0].path, framework="pt") as file:
            dtype: torch.dtype = file.get_slice(key)[:1].dtype
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

    def _copy_rows(self, key: str, part: Part | None, dim: int, start: int, out: Tensor) -> None:
        """Where the cut dimension has others before it: whole rows of (outer, dim, inner)."""
        shape = self.shapes[key]
        length, inner = shape[dim], prod(shape[dim + 1 :])
        size = part.size if part else length
        first, last = start // (size * inner), -(-(start + out.numel()) // (size * inner))
        buffer = torch.empty(last - first, size, inner, dtype=self._dtype(key))
        done = 0
        for held in {piece.part for piece in self.pieces[key]}:
            shared = list(overlaps(runs(part, length), runs(held, length)))
            if shared:
                row = (held.size if held else length) * inner
                rows = self._rows(key, held, first * row, last * row).view(last - first, -1, inner)
                for into, begin, count in shared:
                    buffer[:, into : into + count] = rows[:, begin : begin + count]
                    done += (last - first) * count * inner
        self._check(key, done, buffer.numel())
        out.copy_(buffer.view(-1)[start - first * size * inner :][: out.numel()])

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
        with safe_open(piece.path, framework="pt") as file:
            begin = start - piece.start
            out.copy_(file.get_slice(key)[begin : begin + out.numel()])

    def _check(self, key: str, done: int, needed: int) -> None:
        if done != needed:
            raise ResumeError(f"{self.folder}: {key} holds {done} of {needed} elements")


def _part_of(entry: dict[str, Any]) -> Part | None:
    part = entry.get("part")
    return Part(part["dim"], tuple((a, b) for a, b in part["slices"])) if part else None


def simplest(part: Part | None, shape: Shape) -> Part | None:
    """The part, or None where its slices are all of the tensor in order."""
    if part is None:
        return None
    bounds = [0, *(bound for one in part.slices for bound in one), shape[part.dim]]
    return None if all(a == b for a, b in zip(bounds[::2], bounds[1::2], strict=True)) else part


def runs(part: Part | None, length: int, inner: int = 1) -> list[Run]:
    """The runs of a part along its dimension of `length`; an index counts for `inner`."""
    here, found = 0, []
    for start, stop in part.slices if part else ((0, length),):
        found.append(Run(here, start * inner, (stop - start) * inner))
        here += (stop - start) * inner
    return found


def flat_runs(part: Part | None, shape: Shape) -> list[Run]:
    """The runs, in elements, of a part with no dimension before its own, or of all the tensor."""
    return runs(part, 0, prod(shape[part.dim + 1 :])) if part else runs(None, prod(shape))


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
