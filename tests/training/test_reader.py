"""Any range of any part comes back bit by bit, whatever layout wrote the tensor."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from math import prod
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from zoo.engines.engine import Fragment
from zoo.errors import ResumeError
from zoo.layout import Part
from zoo.training import reader as reader_module
from zoo.training.checkpoint import write_state
from zoo.training.reader import Reader

KEY = "param/weight"


@dataclass(frozen=True)
class Cutting:
    """One tensor shared out: `parts` to tensor ranks, each in `ranges` of it to data ranks."""

    parts: tuple[Part | None, ...]
    data: int

    def fragments(self, full: Tensor, blank: bool = False) -> Iterator[Fragment]:
        """One fragment a rank; with `blank` without the values."""
        for part in self.parts:
            flat = local(full, part).reshape(-1)
            size = max(1, -(-len(flat) // self.data))
            for start in range(0, len(flat), size):
                piece = flat[start : start + size].clone()
                tensor = torch.full_like(piece, -1) if blank else piece
                yield Fragment(KEY, tuple(full.shape), start, tensor, part=part)


def local(full: Tensor, part: Part | None) -> Tensor:
    """full[part], by torch's own slices."""
    if part is None:
        return full
    for dim, slices in part.cuts:
        full = torch.cat([full.narrow(dim, a, b - a) for a, b in slices], dim)
    return full


def uncut(data: int) -> Cutting:
    """Without tensor ranks."""
    return Cutting((None,), data)


def cut(length: int, dim: int, ranks: int, blocks: int, data: int) -> Cutting:
    """Each of `blocks` equal blocks of a dimension (q, k and v, say) is shared out to all ranks."""
    block = length // blocks
    bounds = [rank * block // ranks for rank in range(ranks + 1)]
    parts = [
        Part.along(dim, tuple((b * block + start, b * block + stop) for b in range(blocks)))
        for start, stop in pairwise(bounds)
    ]
    return Cutting(tuple(parts), data)


def write(folder: Path, fragments: Iterator[Fragment]) -> Reader:
    """A checkpoint of these fragments, one rank's file each."""
    folder.mkdir()
    for rank, fragment in enumerate(fragments):
        write_state(folder / f"state-{rank:05d}.safetensors", [fragment])
    return Reader(folder)


def cuttings(rng: random.Random, shape: tuple[int, ...]) -> list[Cutting]:
    """Uncut, and two cuttings of each dimension."""
    found = [uncut(1), uncut(rng.randint(2, 4))]
    for dim, length in enumerate(shape):
        for ranks in (1, rng.choice([2, 3, 4])):
            blocks = rng.choice([n for n in (1, 2, 3) if length % n == 0])
            found.append(cut(length, dim, ranks, blocks, rng.randint(1, 4)))
    return found


@pytest.mark.parametrize("seed", range(12))
def test_what_any_cutting_wrote_every_other_reads_bit_by_bit(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    shape = tuple(rng.choice([4, 6, 12]) for _ in range(seed % 3 + 1))
    dtype = rng.choice([torch.float32, torch.bfloat16, torch.int64])
    full = torch.randperm(prod(shape), generator=torch.manual_seed(seed)).view(shape).to(dtype)
    all_of_them = cuttings(rng, shape)
    for number, writer in enumerate(all_of_them):
        reader = write(tmp_path / str(number), writer.fragments(full))
        assert torch.equal(reader.tensor("weight"), full)
        assert reader.tensor("weight").dtype == dtype
        for asker in all_of_them:
            truth = asker.fragments(full)
            for wanted, true in zip(asker.fragments(full, blank=True), truth, strict=True):
                reader.read(wanted)
                assert torch.equal(wanted.tensor, true.tensor), (writer, wanted)


def grid(shape: tuple[int, ...], dims: tuple[int, int], rng: random.Random) -> Cutting:
    """Shared out along two dimensions at once, as tensor ranks and expert ranks would."""
    one, other = (cut(shape[dim], dim, rng.choice([2, 3]), rng.choice([1, 2]), 1) for dim in dims)
    parts = tuple(Part((*a.cuts, *b.cuts)) for a in one.parts for b in other.parts if a and b)
    return Cutting(parts, rng.randint(1, 3))


@pytest.mark.parametrize("seed", range(8))
def test_a_tensor_cut_along_two_dimensions_is_read_whole_in_ranges_and_in_other_parts(
    seed: int, tmp_path: Path
) -> None:
    rng = random.Random(seed)
    shape = tuple(rng.choice([4, 6, 12]) for _ in range(seed % 2 + 2))
    full = torch.randperm(prod(shape), generator=torch.manual_seed(seed)).view(shape).float()
    dims = (0, 1) if len(shape) == 2 else rng.choice([(0, 1), (0, 2), (1, 2)])
    grids = [grid(shape, dims, rng) for _ in range(2)]
    reader = write(tmp_path / "grid", grids[0].fragments(full))
    assert torch.equal(reader.tensor("weight"), full)
    for asker in (*grids, *cuttings(rng, shape)):
        truth = asker.fragments(full)
        for wanted, true in zip(asker.fragments(full, blank=True), truth, strict=True):
            reader.read(wanted)
            assert torch.equal(wanted.tensor, true.tensor), wanted
    for number, writer in enumerate(cuttings(rng, shape)):
        again = write(tmp_path / str(number), writer.fragments(full))
        truth = grids[1].fragments(full)
        for wanted, true in zip(grids[1].fragments(full, blank=True), truth, strict=True):
            again.read(wanted)
            assert torch.equal(wanted.tensor, true.tensor), wanted


def test_a_missing_corner_is_missed_by_those_who_need_it_and_by_no_one_else(
    tmp_path: Path,
) -> None:
    full = torch.arange(48.0).view(6, 8)
    quarters = list(grid((6, 8), (0, 1), random.Random(1)).fragments(full))
    reader = write(tmp_path / "torn", iter(quarters[:-1]))
    blank = replace(quarters[0], tensor=torch.zeros_like(quarters[0].tensor))
    reader.read(blank)
    assert torch.equal(blank.tensor, quarters[0].tensor)
    for wanted in (lambda: reader.read(quarters[-1]), lambda: reader.tensor("weight")):
        with pytest.raises(ResumeError, match="weight holds"):
            wanted()


def test_one_cut_is_written_as_ever_and_several_as_a_list(tmp_path: Path) -> None:
    def written(part: Part) -> object:
        path = tmp_path / "state-00000.safetensors"
        write_state(path, [Fragment(KEY, (4, 4), 0, torch.zeros(8), part=part)])
        with safe_open(path, framework="pt") as file:
            return json.loads(file.metadata()["index"])[KEY]["part"]

    one, other = ((0, 2),), ((0, 1), (2, 4))
    assert written(Part.along(1, other)) == {"dim": 1, "slices": [[0, 1], [2, 4]]}
    assert written(Part(((0, one), (1, other)))) == [
        {"dim": 0, "slices": [[0, 2]]},
        {"dim": 1, "slices": [[0, 1], [2, 4]]},
    ]


@pytest.mark.parametrize("dim", [0, 1])
def test_a_missing_rank_is_missed_by_those_who_need_it_and_by_no_one_else(
    dim: int, tmp_path: Path
) -> None:
    full = torch.arange(48.0).view(6, 8)
    halves = cut(full.shape[dim], dim, 2, 1, 1)
    first, second = halves.fragments(full)
    reader = write(tmp_path / "half", iter([first]))
    blank = replace(first, tensor=torch.zeros_like(first.tensor))
    reader.read(blank)
    assert torch.equal(blank.tensor, first.tensor)
    with pytest.raises(ResumeError, match="weight holds 0 of 24 elements"):
        reader.read(second)
    with pytest.raises(ResumeError, match="weight holds 24 of 48 elements"):
        reader.tensor("weight")


def test_a_missing_data_rank_of_a_part_is_missed(tmp_path: Path) -> None:
    full = torch.arange(48.0).view(6, 8)
    pieces = list(cut(8, 1, 2, 1, 2).fragments(full))
    reader = write(tmp_path / "torn", iter(pieces[:3]))
    reader.read(pieces[2])
    with pytest.raises(ResumeError, match="weight holds"):
        reader.read(pieces[3])


def test_another_shape_and_another_name_are_refused(tmp_path: Path) -> None:
    reader = write(tmp_path / "one", uncut(1).fragments(torch.zeros(4, 2)))
    with pytest.raises(ResumeError, match=r"found \(4, 2\), need \(2, 4\)"):
        reader.read(Fragment(KEY, (2, 4), 0, torch.zeros(8)))
    with pytest.raises(ResumeError, match="found nothing"):
        reader.read(Fragment("param/other", (4, 2), 0, torch.zeros(8)))


def test_a_tensor_written_in_several_ways_at_once_is_refused(tmp_path: Path) -> None:
    full = torch.arange(48.0).view(6, 8)
    top, left = next(cut(6, 0, 2, 1, 1).fragments(full)), next(cut(8, 1, 2, 1, 1).fragments(full))
    reader = write(tmp_path / "both", iter([top, left]))
    with pytest.raises(ResumeError, match="weight is cut along several dimensions"):
        reader.tensor("weight")


def test_a_part_that_is_everything_reads_like_none(tmp_path: Path) -> None:
    full = torch.arange(24.0).view(2, 3, 4)
    whole = Cutting((Part.along(2, ((0, 1), (1, 4))),), 2)
    reader = write(tmp_path / "whole", whole.fragments(full))
    assert {piece.part for piece in reader.pieces[KEY]} == {None}
    assert torch.equal(reader.tensor("weight"), full)


def test_scalars_and_empty_ranges_are_read(tmp_path: Path) -> None:
    reader = write(tmp_path / "scalar", iter([Fragment(KEY, (), 0, torch.tensor([3.0]))]))
    assert reader.tensor("weight") == torch.tensor(3.0)
    reader = write(tmp_path / "rows", cut(4, 1, 2, 1, 1).fragments(torch.ones(2, 4)))
    reader.read(Fragment(KEY, (2, 4), 0, torch.zeros(0), part=Part.along(1, ())))


def test_only_what_is_asked_for_is_read(tmp_path: Path) -> None:
    full = torch.arange(48.0).view(12, 4)
    fused = cut(12, 0, 2, 3, 2)
    reader = write(tmp_path / "fused", fused.fragments(full))
    wanted = next(uncut(4).fragments(full))
    pieces = reader.pieces[KEY]
    needed = [piece.file for piece in pieces if piece.start == 0]
    reader.pieces[KEY] = [
        piece if piece.file in needed else replace(piece, file=None) for piece in pieces
    ]
    blank = replace(wanted, tensor=torch.zeros_like(wanted.tensor))
    reader.read(blank)
    assert torch.equal(blank.tensor, wanted.tensor)


def test_the_header_of_a_file_is_read_once_however_many_tensors_it_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Path] = []

    def counted(path: Path, framework: str) -> Any:
        opened.append(path)
        return safe_open(path, framework=framework)

    monkeypatch.setattr(reader_module, "safe_open", counted)
    tensors = {f"param/{name}": torch.full((4,), float(name)) for name in range(50)}
    index = {key: {"shape": [2, 2], "start": 0} for key in tensors}
    path = tmp_path / "state-00000.safetensors"
    save_file(tensors, path, metadata={"index": json.dumps(index)})
    reader = Reader(tmp_path)
    assert [reader.tensor(str(name))[0, 0].item() for name in range(50)] == [*range(50)]
    assert opened == [path]


def test_checkpoints_from_before_there_were_parts_are_read(tmp_path: Path) -> None:
    full = torch.arange(24.0).view(4, 6)
    for rank, half in enumerate(full.view(2, 12)):
        index = json.dumps({KEY: {"shape": [4, 6], "start": 12 * rank}})
        path = tmp_path / f"state-{rank:05d}.safetensors"
        save_file({KEY: half.clone()}, path, metadata={"index": index})
    reader = Reader(tmp_path)
    assert torch.equal(reader.tensor("weight"), full)
    thirds = cut(6, 1, 3, 1, 2)
    blanks = thirds.fragments(full, blank=True)
    for wanted, true in zip(blanks, thirds.fragments(full), strict=True):
        reader.read(wanted)
        assert torch.equal(wanted.tensor, true.tensor)


def test_replicas_are_not_written(tmp_path: Path) -> None:
    written = Fragment(KEY, (2,), 0, torch.ones(2))
    replica = Fragment("param/other", (2,), 0, torch.ones(2), primary=False)
    write_state(tmp_path / "state-00000.safetensors", [written, replica])
    assert set(load_file(tmp_path / "state-00000.safetensors")) == {KEY}
