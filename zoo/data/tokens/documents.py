"""Documents that come as tokens: the .bin and .idx of Megatron-LM, NeMo, nanotron, or ours."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from zoo.data.joined import Concatenation
from zoo.data.rows import Row, Rows, Subset, Wrapped, digest
from zoo.data.tokens.indexed import UnreadableTokens, beside, read_index
from zoo.data.tokens.stream import TokenStream

INDEX = "shards.json"


class TokenDocuments(Rows):
    """One row a document of .bin/.idx pairs; its text is not known, its ids stand for it.

    `text_bytes` is what a shards.json beside the pairs says of their text, NaN without one. Raises
    UnreadableTokens.
    """

    roles = frozenset({"text"})

    def __init__(self, prefixes: Sequence[Path]) -> None:
        indices = []
        for prefix in prefixes:
            try:
                indices.append(read_index(prefix))
            except UnreadableTokens as error:
                raise UnreadableTokens(f"{beside(prefix, '.idx')} ({error})") from None
        self.stream = TokenStream(prefixes, indices)
        counts = [np.diff(index.documents) for index in indices]
        self.shard = np.repeat(np.arange(len(indices)), [len(count) for count in counts])
        self.begin = np.concatenate([index.documents[:-1] for index in indices])
        self.count = np.concatenate(counts)
        self.text_bytes = sum(map(_text_bytes, prefixes))
        stats = [beside(prefix, suffix) for prefix in prefixes for suffix in (".bin", ".idx")]
        told = [(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in stats]
        self.fingerprint = digest("token documents", told)

    def __len__(self) -> int:
        return len(self.count)

    def __getitem__(self, index: int) -> Row:
        return {"text": "".join(self.pieces(index))}

    def pieces(self, index: int, role: str = "text") -> Iterator[str]:
        """The ids as words: whoever shows or hashes a row has something in hand."""
        start = int(self.begin[index])
        place = np.array([start]), np.array([self.count[index]])
        yield " ".join(map(str, self.stream.chosen(self.shard[index : index + 1], *place)[:]))

    def lengths(self) -> np.ndarray:
        return self.count.astype(np.float64)


def _text_bytes(prefix: Path) -> float:
    try:
        found = json.loads((prefix.parent / INDEX).read_text(encoding="utf-8"))["shards"]
        return next(one["text_bytes"] for one in found if one["name"] == prefix.name)
    except (OSError, ValueError, LookupError, TypeError, StopIteration):
        return float("nan")


def token_documents(rows: Rows) -> tuple[TokenStream, float] | None:
    """The stream of rows that are documents of tokens, and the bytes of their text; None where they
    are texts. Of some of the documents the text is taken to be their share of the tokens.
    """
    if isinstance(rows, TokenDocuments):
        return rows.stream, rows.text_bytes
    if isinstance(rows, Concatenation):
        parts = [token_documents(part) for part in rows.parts]
        return None if None in parts else _joined([part for part in parts if part is not None])
    if not isinstance(rows, Wrapped):
        return None
    if not isinstance(rows, Subset):
        return token_documents(rows.rows)
    indices, inner = rows.indices, rows.rows
    while isinstance(inner, Subset):
        indices, inner = inner.indices[indices], inner.rows
    if not isinstance(inner, TokenDocuments):
        return None
    places = inner.shard[indices], inner.begin[indices], inner.count[indices]
    stream = inner.stream.chosen(*places)
    return stream, inner.text_bytes * len(stream) / max(1, len(inner.stream))


def _joined(parts: Sequence[tuple[TokenStream, float]]) -> tuple[TokenStream, float]:
    """Several streams as one."""
    whole = TokenStream([], [])
    before: list[int] = []
    for stream, _ in parts:
        before.append(len(whole.prefixes))
        whole.prefixes, whole.dtypes = (
            whole.prefixes + stream.prefixes,
            whole.dtypes + stream.dtypes,
        )
    pairs = list(zip(before, (stream for stream, _ in parts), strict=True))
    shards = np.concatenate([stream.shards + first for first, stream in pairs])
    begins = np.concatenate([stream.begins for _, stream in pairs])
    counts = np.concatenate([np.diff(stream.starts) for _, stream in pairs])
    return whole.chosen(shards, begins, counts), sum(size for _, size in parts)
