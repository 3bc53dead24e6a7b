"""Megatron's indexed dataset written and read by its description alone, nothing of the product.

x.bin: ids without a header. x.idx, little-endian: 9 bytes MMIDIDX and two zeros, uint64 version 1,
uint8 code of the type, uint64 number of sequences, uint64 length of the document index; int32
tokens of each sequence; int64 byte offset of each; int64 first sequence of each document, and how
many sequences there are.
"""

import struct
from collections.abc import Sequence
from itertools import chain, pairwise
from pathlib import Path

CODES = {1: "B", 2: "b", 3: "h", 4: "i", 5: "q", 8: "H"}


def write(prefix: Path, documents: Sequence[Sequence[Sequence[int]]], code: int) -> None:
    """Documents of sequences of ids."""
    one = CODES[code]
    sequences = [ids for document in documents for ids in document]
    content = [struct.pack(f"<{len(ids)}{one}", *ids) for ids in sequences]
    Path(f"{prefix}.bin").write_bytes(b"".join(content))
    places, place = [], 0
    for part in content:
        places.append(place)
        place += len(part)
    ends = [0]
    for document in documents:
        ends.append(ends[-1] + len(document))
    Path(f"{prefix}.idx").write_bytes(
        b"MMIDIDX\0\0"
        + struct.pack("<QBQQ", 1, code, len(sequences), len(ends))
        + struct.pack(f"<{len(sequences)}i", *map(len, sequences))
        + struct.pack(f"<{len(sequences)}q", *places)
        + struct.pack(f"<{len(ends)}q", *ends)
    )


def read(prefix: Path) -> tuple[int, list[list[int]]]:
    """The code of the type, and the ids of each document."""
    index, content = Path(f"{prefix}.idx").read_bytes(), Path(f"{prefix}.bin").read_bytes()
    assert index[:9] == b"MMIDIDX\0\0"
    version, code, count, ends = struct.unpack_from("<QBQQ", index, 9)
    assert version == 1
    sizes = struct.unpack_from(f"<{count}i", index, 34)
    places = struct.unpack_from(f"<{count}q", index, 34 + 4 * count)
    first = struct.unpack_from(f"<{ends}q", index, 34 + 12 * count)
    assert len(index) == 34 + 12 * count + 8 * ends
    ids = [
        list(struct.unpack_from(f"<{size}{CODES[code]}", content, place))
        for size, place in zip(sizes, places, strict=True)
    ]
    documents = [[*chain(*ids[start:stop])] for start, stop in pairwise(first)]
    assert sum(map(len, documents)) * struct.calcsize(CODES[code]) == len(content)
    return code, documents
