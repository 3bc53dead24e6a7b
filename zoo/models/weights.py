"""Pretrained weights: finds a checkpoint's safetensors files and reads single tensors under module
names.
"""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.utils import cached_file, extract_commit_hash

from zoo.models.fill import Weights
from zoo.models.names import module_names
from zoo.models.upstream import forget_tie, optional_file, tied_names

SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"


def weight_files(name: str, revision: str | None) -> list[Path]:
    """The safetensors files of a folder or hub id, downloaded into the hub's cache where needed.

    Raises FileNotFoundError where there are none (pickled weights are never read).
    """
    index = optional_file(name, INDEX, revision)
    if index is not None:
        shards = sorted(set(json.loads(index.read_text())["weight_map"].values()))
        return [Path(str(cached_file(name, shard, revision=revision))) for shard in shards]
    single = optional_file(name, SINGLE, revision)
    if single is None:
        raise FileNotFoundError(f"{name} holds neither {SINGLE} nor {INDEX}")
    return [single]


def commit_of(name: str, revision: str | None) -> str | None:
    """The commit of the hub's that a revision of an id is now; None of a folder."""
    if Path(name).is_dir():
        return None
    found: str | None = extract_commit_hash(str(weight_files(name, revision)[0]), None)
    return found or revision


@dataclass(frozen=True)
class Stored:
    """A tensor as a safetensors file holds it: `size` bytes from `start` on."""

    path: Path
    name: str
    kind: str
    shape: tuple[int, ...]
    start: int
    size: int


def stored(path: Path) -> list[Stored]:
    """The tensors of a safetensors file by its header (github.com/huggingface/safetensors,
    "Format"): eight bytes of length, little-endian, then JSON; offsets count from its end.
    """
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
    header.pop("__metadata__", None)
    return [
        Stored(path, name, one["dtype"], tuple(one["shape"]), 8 + length + begin, end - begin)
        for name, one in header.items()
        for begin, end in [one["data_offsets"]]
    ]


class FileWeights:
    """The tensors of safetensors files under the module names of one model."""

    def __init__(self, model: PreTrainedModel, files: list[Path]) -> None:
        self.files = files
        self.places: dict[str, Path] = {}
        for path in files:
            with safe_open(path, framework="pt") as file:
                self.places |= dict.fromkeys(file.keys(), path)
        self.keys, merged = module_names(model, sorted(self.places))
        self.whole = type(model) if merged else None
        self.config = model.config

    @cached_property
    def loaded(self) -> dict[str, Tensor]:
        """All tensors, for families whose files merge or split tensors on loading."""
        assert self.whole is not None
        folder = self.files[0].parent
        model = self.whole.from_pretrained(folder, config=self.config, dtype=torch.float32)
        return dict(model.state_dict())

    def names(self) -> frozenset[str]:
        """The module names of the tensors that the files hold."""
        return frozenset(self.loaded if self.whole else self.keys)

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of one tensor, without reading it."""
        if self.whole:
            return tuple(self.loaded[name].shape)
        key = self.keys[name]
        with safe_open(self.places[key], framework="pt") as file:
            return tuple(file.get_slice(key).get_shape())

    def tensor(self, name: str) -> Tensor:
        """Reads one tensor."""
        if self.whole:
            return self.loaded[name]
        key = self.keys[name]
        with safe_open(self.places[key], framework="pt") as file:
            value: Tensor = file.get_tensor(key)
        return value


def untie(model: PreTrainedModel, weights: Weights) -> None:
    """Gives a meta model a parameter of its own wherever the weights name both of a tied pair with
    different values (T5 1.1's embedding and head), as `from_pretrained` does (transformers/
    modeling_utils.py: tie_weights).
    """
    names = weights.names()
    for target, source in tied_names(model).items():
        if not {target, source} <= names:
            continue
        one, other = weights.tensor(target), weights.tensor(source)
        if one.shape == other.shape and torch.equal(one, other):
            continue
        owner, _, key = target.rpartition(".")
        tied = model.get_parameter(target)
        own = nn.Parameter(torch.empty_like(tied), tied.requires_grad)
        setattr(model.get_submodule(owner), key, own)
        forget_tie(model, target)
