"""Token shards on the disk, read as blocks of equal length."""

import json
from pathlib import Path
from typing import Any

from zoo.data.rows import Row, Rows, digest
from zoo.data.tokens.indexed import read_index
from zoo.data.tokens.stream import TokenStream


class PackedRows(Rows):
    """Blocks of `length` tokens of one stream; each begins `overlap` tokens before the last ends.

    Row: input_ids int64 (length,), and bytes: UTF-8 bytes of text that length - overlap tokens
    stand for on the average of this set (NaN where nobody knows). The last incomplete block is left
    out.
    """

    roles = frozenset({"input_ids", "bytes"})

    def __init__(
        self, tokens: TokenStream, fingerprint: str, text_bytes: float, length: int, overlap: int
    ) -> None:
        self.tokens, self.text_bytes = tokens, text_bytes
        self.length, self.stride = length, length - overlap
        self.bytes = text_bytes / max(1, len(tokens)) * self.stride
        self.fingerprint = digest("packed", fingerprint, length, overlap)

    def __len__(self) -> int:
        return max(0, (len(self.tokens) - self.length) // self.stride + 1)

    def __getitem__(self, index: int) -> Row:
        start = index * self.stride
        return {"input_ids": self.tokens[start : start + self.length], "bytes": self.bytes}


def read_shards(folder: Path) -> tuple[TokenStream, dict[str, Any]]:
    """The stream of a folder of shards that we wrote, and what its shards.json says."""
    found = json.loads((folder / "shards.json").read_text(encoding="utf-8"))
    prefixes = [folder / shard["name"] for shard in found["shards"]]
    return TokenStream(prefixes, [read_index(prefix) for prefix in prefixes]), found
