"""The columns of a parquet file on a server, without the others."""

from collections.abc import Collection
from pathlib import Path

import pyarrow.parquet

from zoo.data.remote.parts import Parts, WholeFilesOnly
from zoo.data.remote.places import served
from zoo.data.remote.trying import tried
from zoo.data.sources.records import UnreadableFile
from zoo.data.sources.shards.arrows import BROKEN, column_bytes, into_arrow
from zoo.data.sources.shards.shard import Shard
from zoo.recipe.spec.words import is_url

_WORTH = 0.5  # of a file: where more is wanted it comes whole, in one answer


def bring_columns(
    place: str, size: int, columns: Collection[str], target: Path, seconds: float
) -> bool:
    """Writes the columns of a file of `size` bytes as Arrow; False, and nothing is written, where
    the file had better come whole: most of it is wanted, or its server knows no parts.

    Raises Unreachable, and UnreadableFile for what is no parquet.
    """
    tries: list[Parts] = []

    def bring(again: bool) -> bool | UnreadableFile:
        # A try that was left behind may still write: each has a file of its own.
        part = target.with_suffix(f".{len(tries)}.part")
        try:
            file = Parts(place, size, seconds, again)
            tries.append(file)
            found = _brought(file, columns, part)
            if found and file is tries[-1]:
                part.replace(target)
            return found
        except WholeFilesOnly:
            return False
        except UnreadableFile as error:
            return error
        finally:
            part.unlink(missing_ok=True)

    found = tried(place, bring, seconds, lambda: tries[-1].come if tries else 0)
    if isinstance(found, UnreadableFile):
        raise found
    return found


def _brought(file: Parts, columns: Collection[str], part: Path) -> bool:
    """Whether the columns were written, as they are few; raises UnreadableFile, and what reading
    raised, whatever Arrow makes of it.
    """
    try:
        with pyarrow.parquet.ParquetFile(file) as footer:
            wanted = sum(column_bytes(footer.metadata, columns))
        if wanted > _WORTH * file.size:
            return False
        into_arrow(file, columns, part)
        return True
    except (*BROKEN, UnreadableFile) as error:
        raise (file.error or UnreadableFile(str(error))) from None


def footer(shard: Shard, seconds: float, again: bool) -> pyarrow.Schema | None:
    """The columns that a file of parquet says it has; None where its server knows no parts.

    Raises what fsspec does, and NotImplementedError for what is no parquet: asking again does not
    help.
    """
    try:
        if is_url(shard.place) and shard.size:
            return pyarrow.parquet.read_schema(Parts(shard.place, shard.size, seconds, again))
        system, name = served(shard.place, seconds, again)
        with system.open(name, "rb") as file:
            return pyarrow.parquet.read_schema(file)
    except pyarrow.ArrowException as error:
        raise NotImplementedError(f"no parquet: {error}") from None
    except (WholeFilesOnly, ValueError):  # fsspec's, for a server that answers with all
        return None
