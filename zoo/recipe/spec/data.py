"""The section `data`: what lies on the disk, whoever reads it; `source` decides."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from zoo.recipe.spec.filters import ColumnFilter
from zoo.recipe.spec.words import (
    Bytes,
    Folder,
    NotNegative,
    Of,
    Off,
    Passes,
    Positive,
    Seconds,
    Share,
    Spec,
    Text,
)

Format = Literal[
    "text", "json", "jsonl", "csv", "tsv", "parquet", "conll", "kaldi", "class-folders", "metadata",
    "webdataset", "arrow", "megatron",
]  # fmt: skip
SHARDS = ("parquet", "webdataset", "arrow")
"""Formats of which a file is a shard: one of many that are read as wholes."""
EXAMPLES = Of("examples")
CACHE_LIMIT = "50 GB"
Names = Annotated[tuple[Text, ...], Field(min_length=1)]
Sets = Literal["train", "valid", "test"]
ALL_SETS: tuple[Sets, ...] = ("train", "valid", "test")


class _Loaded(Spec):
    labels: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    """Class names in id order; absent: the dataset's, else the sorted values of train."""
    split_seed: NotNegative = 0
    """Draws the share of `valid`, and which examples `max_valid_examples` keeps."""
    max_valid_examples: Annotated[Positive, EXAMPLES] | None = None
    """Read no more than this many of each validation set (texts, and then blocks); absent: all."""
    max_corrupt: Annotated[NotNegative, EXAMPLES] | Annotated[Share, Of("a share of them")] = 0
    """How many examples (or which share) may be unreadable or incomplete before the run ends."""
    workers: Annotated[NotNegative, Of("processes")] = 2
    """Loader processes per rank; 0 loads in the training process."""
    cache: Folder | None = None
    """Where prepared data is kept; absent: `$ZOO_CACHE` or the user's cache folder."""


class _Data(_Loaded):
    columns: dict[str, Text | Names] = Field(default_factory=dict)
    """The column of each role; a role left out is a column of its own name. Labels may stand in
    several columns, one each (`task.problem`)."""
    train: Text | Names = "train"
    """Split names (hub, built-in) or globs under `folder` (files); a list is concatenated."""
    valid: Text | Names | Share | Off = False
    """What evaluation reads; a list is scored one by one, a share is a seeded cut of train."""
    test: Text | Names | Off = False
    """What `zoo eval --split test` reads."""
    sampling: Literal["random", "sequential", "group-by-length"] = "random"
    """Order of the examples; every order is a pure function of the seed."""
    shuffle_window: Annotated[Positive, Of("shards")] = 16
    """Of data in shards: how many are mixed at a time in each of 8 lanes. More mix better and are
    held at once."""
    max_train_examples: Annotated[Positive, EXAMPLES] | None = None
    """Read no more than this many (texts, where they are packed into blocks); absent: all."""
    filter: dict[str, ColumnFilter] = Field(default_factory=dict)
    """What rows must hold to be read, by column: a role, or any column of the data. Rows are
    filtered once, before anything is drawn or cut of them; each that goes is counted by the first
    rule that it breaks."""
    deduplicate: bool | Names = False
    """Of rows that are equal only the first is read: in all that the task reads, or in these
    columns (images and clips by their files' bytes). Within a set, after the filter."""
    filter_sets: Annotated[tuple[Sets, ...], Field(min_length=1)] = ALL_SETS
    """The sets that `filter` and `deduplicate` are for. A share that `valid` cuts from train is
    cut of what is left of train."""


class HubData(_Data):
    """A dataset of the Hugging Face hub."""

    source: Literal["hub"]
    """Where rows come from: decides the other keys of this section."""
    name: Text
    """Dataset id."""
    subset: Text | None = None
    """Configuration of the dataset."""
    revision: Text | None = None
    """Commit, tag or branch."""


class FilesData(_Data):
    """Files in a folder of yours."""

    source: Literal["files"]
    """Where rows come from: decides the other keys of this section."""
    folder: Folder
    """The folder; relative to the file that says so. Of shards (parquet, webdataset, arrow) also a
    URL: `s3://`, `hf://`, `https://`, ... (pip install zoo[remote]); keys stand in the environment
    or in .netrc, never here. A server of http lists nothing: name its shards by a range, as in
    `train-{00000..00009}.tar`, or lay a `shards.json` beside them."""
    format: Format | None = None
    """How to read the files; absent: by suffix, which .gz, .zst or .bz2 may follow. Values of csv
    may be quoted, those of tsv not; of conll a line is a word and its tag; a webdataset is tars of
    members like 0001.jpg and 0001.cls, each a column, and the fields of 0001.json as well. Lines of
    jsonl may be NeMo's manifests or lhotse's cuts, and kaldi is a wav.scp with `text` and
    `segments` beside it: of a longer file the clip alone is decoded. megatron is text as tokens:
    `train` names a prefix of .bin and .idx, or a folder of them."""
    streaming: bool = False
    """Read shards (parquet, webdataset, arrow) through a cache of `cache_limit`, and keep nothing
    else of them: rows are mixed in windows of shards (`shuffle_window`), and the next window is
    fetched while one is trained on. Text that is packed is tokenized once, shard after shard, and
    its tokens are kept; chats that share a row are counted once."""
    cache_limit: Bytes = CACHE_LIMIT
    """With `streaming`, what shards may take of the disk, on each machine: bytes, or "50 GB"."""
    timeout: Seconds = 120.0
    """After so many seconds in which nothing of a shard comes, the run ends and says of which."""


class BuiltInData(_Data):
    """Data that the package makes itself, offline."""

    source: Literal["built-in"]
    """Where rows come from: decides the other keys of this section."""
    name: Literal[
        "stdlib-text",
        "stdlib-keywords",
        "digits",
        "morse",
        "shapes",
        "numbers",
        "python-tokens",
        "constants",
        "docstring-chats",
        "docstring-preferences",
    ]
    """Which."""
    valid: Text | Names | Share | Off = "validation"
    """What evaluation reads."""
    test: Text | Names | Off = "test"
    """What `zoo eval --split test` reads."""


OneSource = HubData | FilesData | BuiltInData


class Part(Spec):
    """One of the parts that a mixture is made of."""

    data: Annotated[OneSource, Field(discriminator="source")]
    """A section `data` of its own, or the name of a fragment."""
    weight: Annotated[float, Field(gt=0)] | None = None
    """Its share of the examples, beside the weights of the others; they need not add up to 1."""


class MixtureData(_Loaded):
    """Several sources, of which each global batch has its share of each."""

    source: Literal["mixture"]
    """Where rows come from: decides the other keys of this section."""
    parts: Annotated[dict[str, Part], Field(min_length=1)]
    """The parts by name, or a list of them: a part is then called by its `name`, else by its
    fragment's, else by its number. Each goes on into its own next epoch when it is used up;
    validation sets have the part's name."""
    temperature: Annotated[float, Field(ge=1)] | None = None
    """In place of weights: shares as the part's number of examples to the power of 1/temperature. 1
    is proportional; the higher, the more equal."""
    max_epochs: Passes | Off = 4.0
    """A run that goes through a part more often than this is refused."""

    @property
    def valid(self) -> str | tuple[str, ...] | Off:
        """The names of the validation sets."""
        return _names_of({name: part.data.valid for name, part in self.parts.items()}, "valid")

    @property
    def test(self) -> str | tuple[str, ...] | Off:
        """The names of the test sets."""
        return _names_of({name: part.data.test for name, part in self.parts.items()}, "test")

    @property
    def columns(self) -> dict[str, Text | Names]:
        """Those of the first part."""
        return next(iter(self.parts.values())).data.columns


def _names_of(
    said: Mapping[str, str | tuple[str, ...] | float], key: str
) -> str | tuple[str, ...] | Off:
    """What the sets of some parts are called: one alone by its key, else by its part and entry."""
    names = []
    for part, entries in said.items():
        several = isinstance(entries, tuple) and len(entries) > 1
        names += [f"{part}/{entry}" for entry in entries] if several else [part] * bool(entries)  # type: ignore[union-attr]
    return tuple(names) if len(names) > 1 else key if names else False


def sections(data: "OneSource | MixtureData") -> dict[str, tuple[str, OneSource]]:
    """Every section that names a source, by its key: the part's name ("": no mixture), and it."""
    if isinstance(data, MixtureData):
        parts = data.parts.items()
        return {f"data.parts.{name}.data": (name, part.data) for name, part in parts}
    return {"data": ("", data)}


DataSpec = Annotated[OneSource | MixtureData, Field(discriminator="source")]
