"""From texts to blocks of tokens: tokenized once, kept, cut anew for every length."""

import json
from pathlib import Path

from zoo.data.cache import cached
from zoo.data.corrupt import CorruptLimit
from zoo.data.preparing.shards import token_shards
from zoo.data.rows import Rows
from zoo.data.tokens.documents import token_documents
from zoo.data.tokens.packing import PackedRows, read_shards
from zoo.data.tokens.scheme import Scheme
from zoo.data.tokens.stream import TokenStream
from zoo.errors import ConfigError, Fault


def pack(
    rows: Rows,
    scheme: Scheme,
    length: int,
    overlap: int,
    root: Path,
    corrupt: CorruptLimit | None = None,
) -> PackedRows:
    """The text of `rows` as blocks of tokens, tokenized once and kept under `root`.

    Documents of tokens are taken as they are. Raises ConfigError if one of their ids is not of the
    vocabulary, if the text is shorter than one block, or if more documents cannot be read
    than `corrupt` allows (none without it).
    """
    given = token_documents(rows)
    if given is not None:
        stream, text_bytes = given
        _refuse_other(stream, scheme, root, rows.fingerprint)
        packed = PackedRows(stream, rows.fingerprint, text_bytes, length, overlap)
        refuse_short(packed, len(rows))
        return packed
    limit = corrupt or CorruptLimit()
    folder = token_shards(rows, scheme, root, limit)
    tokens, found = read_shards(folder)
    limit.add(enumerate(found["corrupt"]))
    packed = PackedRows(tokens, folder.name, found["text_bytes"], length, overlap)
    refuse_short(packed, len(rows))
    return packed


def refuse_short(packed: PackedRows, texts: int) -> None:
    """Raises ConfigError where there is not one block."""
    count = len(packed.tokens)
    if not count:
        found = f"{texts} texts without a token"
        raise ConfigError([Fault("recipe", "data", found, "texts with something in them")])
    if not len(packed):
        found = f"{packed.length} for a text of {count} tokens"
        raise ConfigError([Fault("recipe", "task.sequence_length", found, f"at most {count}")])


def _refuse_other(stream: TokenStream, scheme: Scheme, root: Path, fingerprint: str) -> None:
    """Raises ConfigError where an id is none of the vocabulary; every id is looked at, once."""

    def look(folder: Path) -> None:
        (folder / "ends.json").write_text(json.dumps(stream.ends()), encoding="utf-8")

    folder = cached(root, f"ids-{fingerprint}", look)
    smallest, largest = json.loads((folder / "ends.json").read_text(encoding="utf-8"))
    if smallest < 0 or largest >= scheme.vocab_size:
        found = f"tokens with the id {smallest if smallest < 0 else largest}"
        allowed = f"ids of the tokenizer, which has {scheme.vocab_size}: the one they were made by"
        raise ConfigError([Fault("recipe", "data.train", found, allowed)])
