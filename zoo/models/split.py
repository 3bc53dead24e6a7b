"""Reads a family's plan for tensor ranks against a model: what is split, along what, how finely."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from torch import nn
from transformers.pytorch_utils import Conv1D

from zoo.layout import Part
from zoo.models.adapters.cut import LENGTHS_OF, A, B
from zoo.models.fill import is_adapted
from zoo.models.names import plain
from zoo.models.stage import Family, within

PACKED = "packed_colwise"
COLUMNS = ("colwise", PACKED, "colwise_gather_output")
ROWS = ("rowwise", "rowwise_split_input")
REPLICATED = "replicated_with_grad_allreduce"
WHOLE = "whole"  # the zoo's own word: dropout of what all ranks hold, amid what they share out
HEAD_WIDTHS = ("head_dim", "head_size", "attention_head_size", "key_value_proj_dim")


@dataclass(frozen=True)
class Split:
    """One entry of a plan as found in a model: a matrix, or a bare parameter under its key.

    Of an adapted matrix `around` is what stands around it (zoo.models.adapters); its adapter's
    factors are `beside` it, under their keys.
    """

    name: str
    pattern: str
    style: str
    module: nn.Module
    key: str = ""
    around: nn.Module | None = None
    beside: bool = False

    @property
    def dims(self) -> dict[str, int]:
        """The dimension of each of the module's parameters that is split."""
        if self.style in (REPLICATED, WHOLE):
            return {}
        if self.key:
            return {self.key: 1 if self.style in ROWS else 0}
        out = 1 if isinstance(self.module, Conv1D) else 0
        if self.style in ROWS:
            return {"weight": 1 - out}
        return {"weight": out} | ({} if self.module.bias is None else {"bias": 0})

    @property
    def blocks(self) -> int:
        """How many matrices stand side by side: query, key and value in a packed one."""
        return 3 if self.style == PACKED else 1

    def tensor(self, key: str) -> str:
        """The full name of one of the module's parameters."""
        return self.name if self.key else f"{self.name}.{key}"

    def whole(self, key: str) -> tuple[int, ...]:
        """The shape of one of the module's parameters, while nothing is cut."""
        return tuple(self.module.get_parameter(key).shape)

    def part(self, key: str, rank: int, ranks: int) -> Part:
        """What a rank holds of one of the parameters in `dims`."""
        dim = self.dims[key]
        block = self.whole(key)[dim] // self.blocks
        width = block // ranks
        starts = [number * block + rank * width for number in range(self.blocks)]
        return Part.along(dim, tuple((start, start + width) for start in starts))

    def pieces(self, model: nn.Module) -> tuple[int, str]:
        """How many pieces the plan may deal out, and what they are: no head is torn."""
        key, dim = next(iter(self.dims.items()))
        length = self.whole(key)[dim] // self.blocks
        parent = model.get_submodule(self.name.rpartition(".")[0])
        widths = [vars(parent)[name] for name in HEAD_WIDTHS if name in vars(parent)]
        if self.key:
            return length, "columns" if self.style in ROWS else "rows"
        if widths and self.style in ("colwise", PACKED):
            return length // widths[0], "heads"
        return length, "features"

    def refusal(self) -> tuple[str, str] | None:
        """What cannot be done at all, as (found, allowed)."""
        what, kind = f"{self.style} of {self.pattern}", type(self.module).__name__
        if self.style not in (*COLUMNS, *ROWS, REPLICATED, WHOLE):
            return what, ", ".join((*COLUMNS, *ROWS, REPLICATED))
        if self.style in (REPLICATED, WHOLE) or self.beside:
            return None
        if self.key:
            plain = ("colwise", "rowwise")
            return None if self.style in plain else (what, f"colwise, rowwise, {REPLICATED}")
        if not isinstance(self.module, nn.Linear | Conv1D):
            return f"{what}, a {kind}", "Linear, Conv1D"
        if self.style == PACKED and not self.holds_three():
            # upstream packs gate and up in Linear too, which is two blocks
            return f"{what}, a {kind} of {self.whole('weight')}", "a Conv1D of (width, 3 x width)"
        return None

    def holds_three(self) -> bool:
        """Whether a matrix is query, key and value side by side, each as wide as the input."""
        wide = self.whole("weight")
        return isinstance(self.module, Conv1D) and wide[1] == 3 * wide[0]


def splits(model: nn.Module, family: Family) -> Iterator[Split]:
    """The plan's entries as found in a model; the first pattern that matches a name counts."""
    for name, module in model.named_modules():
        pattern = first_match(name, family.tensor)
        if pattern is not None and is_adapted(module):
            yield from adapted(name, pattern, family.tensor[pattern], module)
        elif pattern is not None:
            yield Split(name, pattern, family.tensor[pattern], module)
    for name, _ in model.named_parameters():
        owner, _, key = name.rpartition(".")
        pattern = first_match(plain(name), family.tensor)
        if pattern is not None:
            found = model.get_submodule(owner)
            yield Split(plain(name), pattern, family.tensor[pattern], found, key)


def adapted(name: str, pattern: str, style: str, layer: Any) -> Iterator[Split]:
    """An entry of a plan whose matrix is adapted: the matrix, then the factors of its adapter.

    The factor on the side that is cut is cut alike; the other is whole, and its gradient is a sum
    (zoo.models.adapters.cut).
    """
    yield Split(name, pattern, style, layer.base_layer, around=layer)
    cut = {A: ROWS, B: COLUMNS} | ({LENGTHS_OF: COLUMNS} if layer.lora_magnitude_vector else {})
    for factor, styles in cut.items():
        own = style if style in styles else REPLICATED
        module = layer.get_submodule(factor)
        yield Split(f"{name}.{factor}.weight", pattern, own, module, "weight", beside=True)


def first_match(name: str, patterns: Iterable[str]) -> str | None:
    """The first glob that matches exactly this name, not what lies above it."""
    exact = (glob for glob in patterns if glob.count(".") == name.count(".") and within(name, glob))
    return next(exact, None)


def counters(model: nn.Module, family: Family) -> Iterator[tuple[str, nn.Module, str]]:
    """The plan's attributes that count what is split: glob, module, attribute."""
    for entry in family.divided:
        glob, _, attribute = entry.partition(":")
        for name, module in model.named_modules():
            if first_match(name, [glob]):
                yield glob, module, attribute


def counter_of(module: Any, attribute: str) -> tuple[Any, str]:
    """The object that holds an attribute, the module or its configuration, and its name there."""
    configured = attribute.startswith("config.")
    return (module.config if configured else module), attribute.removeprefix("config.")
