"""A table on the disk, whose rows are read one by one and never held."""

import mmap
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, Protocol, Self

import pyarrow


class Table(Protocol):
    """A table on the disk, as `Mapped` is one, and a dataset of Hugging Face's."""

    @property
    def data(self) -> Any:
        """An Arrow table of all columns."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> dict[str, Any]:
        """A row by column, media undecoded."""

    def select_columns(self, names: Sequence[str]) -> Self:
        """The same rows with these columns alone."""


class Mapped:
    """Rows of a file that is a stream of Arrow's, mapped; crosses to other processes by its path.

    Of what was read only the last batch stays among this process's pages: a process that goes
    through a table of any length does not grow by it.
    """

    def __init__(self, file: Path) -> None:
        self.file = _File(file)
        self.names: tuple[str, ...] = tuple(self.file.data.column_names)

    @property
    def data(self) -> pyarrow.Table:
        """The whole of each column."""
        return self.file.data

    def select_columns(self, names: Sequence[str]) -> "Mapped":
        """The same rows with these columns alone."""
        other = Mapped.__new__(Mapped)
        other.file, other.names = self.file, tuple(names)
        return other

    def __len__(self) -> int:
        return self.file.starts[-1]

    def __getitem__(self, index: int) -> dict[str, Any]:
        """A row by column."""
        number = bisect_right(self.file.starts, index) - 1
        place = index - self.file.starts[number]
        self.file.move_to(number)
        columns = ((name, self.file.data.column(name)) for name in self.names)
        return {name: column.chunk(number)[place].as_py() for name, column in columns}


class _File:
    """The mapping that several selections of columns share, and which of its batches is read."""

    def __init__(self, path: Path) -> None:
        self.path, self.at = path, 0
        with path.open("rb") as opened:
            self.map = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
        whole = pyarrow.py_buffer(self.map)
        self.begin = whole.address
        self.data = pyarrow.ipc.open_stream(whole).read_all()
        sizes = (batch.num_rows for batch in self.data.to_batches())
        self.starts = [0, *accumulate(sizes)]

    def move_to(self, number: int) -> None:
        """Another batch is read: the pages of the last one are left to the system, which has them
        in its cache of files still.
        """
        if number == self.at:
            return
        buffers = [one for column in self.data.columns for one in _buffers(column.chunk(self.at))]
        first = min((one.address for one in buffers), default=self.begin) - self.begin
        last = max((one.address + one.size for one in buffers), default=self.begin) - self.begin
        if hasattr(self.map, "madvise"):  # not everywhere
            first -= first % mmap.PAGESIZE
            self.map.madvise(mmap.MADV_DONTNEED, first, last - first)
        self.at = number

    def __reduce__(self) -> tuple[type["_File"], tuple[Path]]:
        return _File, (self.path,)


def _buffers(array: pyarrow.Array) -> Iterator[pyarrow.Buffer]:
    """Those of an array that lie somewhere."""
    yield from (one for one in array.buffers() if one is not None and one.size)
