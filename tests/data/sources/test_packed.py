"""Tables that are packed give the rows of the same tables as they are."""

import bz2
import gzip
import json
from collections.abc import Callable
from typing import Any

import pyarrow
import pytest

from tests.data.sources.reading import rows_of

RECORDS = [{"text": "first", "label": "no"}, {"text": "second, longer\n", "label": "yes"}]
CONTENT = {
    "csv": 'text,label\nfirst,no\n"second, longer\n",yes\n',
    "tsv": "text\tlabel\nfirst\tno\nsecond, longer\tyes\n",
    "json": json.dumps(RECORDS),
    "jsonl": "\n".join(map(json.dumps, RECORDS)),
}


def zstd(content: bytes) -> bytes:
    sink = pyarrow.BufferOutputStream()
    with pyarrow.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    return bytes(sink.getvalue())


PACK: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "zst": zstd,
    "bz2": bz2.compress,
}


@pytest.mark.parametrize("way", PACK)
@pytest.mark.parametrize("kind", CONTENT)
def test_a_packed_table_gives_the_same_rows(kind: str, way: str, opened: Any) -> None:
    content = CONTENT[kind].encode()
    parts = PACK[way](content[:20]) + PACK[way](content[20:])  # as several writers leave it
    plain = opened("sequence-classification", f"a.{kind}", content)
    packed = opened("sequence-classification", f"b.{kind}.{way}", parts)
    assert rows_of(packed.train) == rows_of(plain.train)
    assert len(packed.train) == 2
    assert packed.train.fingerprint == plain.train.fingerprint


def test_a_split_name_may_be_a_packed_file_without_its_suffixes(opened: Any) -> None:
    content = gzip.compress(CONTENT["jsonl"].encode())
    source = opened("sequence-classification", "train.jsonl.gz", content, train="train")
    assert len(source.train) == 2
