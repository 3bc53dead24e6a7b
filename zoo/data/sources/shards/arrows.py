"""Shards of Arrow, mapped; a shard of parquet becomes one, as its row groups are read whole."""

from bisect import bisect_right
from collections.abc import Collection, Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.ipc
import pyarrow.parquet

from zoo.data.remote.parts import Parts
from zoo.data.sources.records import UnreadableFile

_ROWS = 256  # of a batch: of parquet so many are in memory at a time
_AT_ONCE = 32 << 20  # bytes of row groups
BROKEN = (OSError, ValueError, pyarrow.ArrowException)


def into_arrow(source: Path | Parts, columns: Collection[str], target: Path) -> None:
    """Writes the columns of a parquet file as an Arrow file that can be mapped; UnreadableFile.

    Of one that is read in parts neighbouring columns come together.
    """
    try:
        with pyarrow.parquet.ParquetFile(source, pre_buffer=isinstance(source, Parts)) as file:
            here = [name for name in file.schema_arrow.names if name in columns]
            schema = pyarrow.schema([file.schema_arrow.field(name) for name in here])
            with (
                pyarrow.OSFile(str(target), "wb") as sink,
                pyarrow.ipc.new_file(sink, schema) as out,
            ):
                for groups in _runs(column_bytes(file.metadata, here)):
                    for batch in file.iter_batches(_ROWS, groups, here):
                        out.write_batch(batch)
    except BROKEN as error:
        raise UnreadableFile(" ".join(str(error).split())[:300]) from None


def column_bytes(metadata: Any, columns: Collection[str]) -> list[int]:
    """How many bytes of each row group of a parquet file hold these columns."""
    leaves = [metadata.schema.column(leaf).path for leaf in range(metadata.num_columns)]
    wanted = [
        leaf
        for leaf, path in enumerate(leaves)
        if any(path == name or path.startswith(f"{name}.") for name in columns)
    ]
    groups = map(metadata.row_group, range(metadata.num_row_groups))
    return [sum(one.column(leaf).total_compressed_size for leaf in wanted) for one in groups]


def _runs(sizes: Sequence[int]) -> Iterator[list[int]]:
    """Neighbouring row groups that are read at a time: what is compressed of them is in memory."""
    run: list[int] = []
    held = 0
    for group, size in enumerate(sizes):
        run.append(group)
        held += size
        if held >= _AT_ONCE:
            yield run
            run, held = [], 0
    if run:
        yield run


class OpenArrow:
    """The rows of one Arrow file or stream, mapped."""

    def __init__(self, path: Path) -> None:
        self.path, self.size = path, path.stat().st_size
        try:
            self.schema, self.batches = _reader(pyarrow.memory_map(str(path)))
        except FileNotFoundError:
            raise
        except BROKEN as error:
            raise UnreadableFile(" ".join(str(error).split())[:300]) from None
        self.starts = [0, *accumulate(batch.num_rows for batch in self.batches)]

    def __len__(self) -> int:
        return self.starts[-1]

    @property
    def gone(self) -> bool:
        """Whether the file has been removed meanwhile."""
        return not self.path.exists()

    def names(self) -> tuple[str, ...]:
        """Every column."""
        return tuple(self.schema.names)

    def raw(self, row: int, names: Collection[str]) -> dict[str, Any]:
        """The named columns that the row has."""
        number = bisect_right(self.starts, row) - 1
        batch, place = self.batches[number], row - self.starts[number]
        here = [name for name in names if name in batch.schema.names]
        return {name: batch.column(name)[place].as_py() for name in here}

    def place(self, row: int) -> str:
        """What the row is called in the file."""
        return f"row {row + 1}"

    def close(self) -> None:
        """Lets go of the file."""
        self.batches = []


def _reader(source: Any) -> tuple[pyarrow.Schema, list[pyarrow.RecordBatch]]:
    """(schema, batches) of an Arrow file, or of a stream as `datasets` writes it."""
    try:
        file = pyarrow.ipc.open_file(source)
    except pyarrow.ArrowInvalid:
        source.seek(0)
        stream = pyarrow.ipc.open_stream(source)
        return stream.schema, list(stream)
    return file.schema, [file.get_batch(number) for number in range(file.num_record_batches)]
