"""Cuts a Hugging Face model into the stages of a pipeline; every tensor keeps its module name."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from torch import Tensor, nn
from transformers import PreTrainedModel

from zoo.models.draws import Draws
from zoo.models.upstream import tied_names

Hidden = tuple[Tensor, Tensor | None]
Received = Tensor | tuple[Tensor, ...]
Outputs = Mapping[str, Any]


def no_layerdrop(model: PreTrainedModel) -> float:
    """The share of layers that a step leaves out: none."""
    return 0.0


def never(model: PreTrainedModel, *parts: Any) -> Any:
    """What a family without stages does at their ends."""
    raise AssertionError(f"{model.config.model_type} runs in no stages")


def nothing(model: PreTrainedModel, hidden: Tensor, mask: Tensor | None) -> dict[str, Any]:
    """What every layer is given beside the hidden states: nothing."""
    return {}


@dataclass(frozen=True)
class Family:
    """How the models of one family run in pieces, and how their matrices are cut; plain data.

    Hidden states (batch, ..., any) and, where something is padded, one mask of bool or integers
    travel from stage to stage. Tensors under `first` belong to the first stage, those under the
    modules that `layers` matches to their layer, those under `shared` (which must hold no
    parameters) to every stage, all others to the last.
    """

    first: tuple[str, ...]
    """Module or tensor names, as globs."""
    layers: str
    """Glob of the layers' module names; `*` is one part of a name here."""
    embed: Callable[[PreTrainedModel, Mapping[str, Tensor]], Hidden] = never
    """The task's inputs, by name, to what the first layer takes."""
    head: Callable[[PreTrainedModel, Tensor, Tensor | None], Outputs] = never
    """What the last layer gives, and the mask, to the model's output: its logits at least."""
    around: Callable[[PreTrainedModel, Tensor, Tensor | None], dict[str, Any]] = nothing
    """Keyword arguments of every layer (masks, positions), made once a stage."""
    documents: Callable[[PreTrainedModel, Tensor, Tensor], dict[str, Any]] | None = None
    """The same where a row holds several documents, from the hidden states and the position of each
    token in its own; None: with `through`, which finds the positions at the stage."""
    shared: tuple[str, ...] = ()
    """Modules without parameters that `around` uses (rotary frequencies, ...), as globs."""
    layerdrop: Callable[[PreTrainedModel], float] = no_layerdrop
    """Share of layers left out at random in training (Huang et al. 2016)."""
    through: Callable[[PreTrainedModel, "Stage", Tensor, Tensor | None], Tensor] | None = None
    """Runs a stage's layers instead of one after the other with `around`."""
    tensor: Mapping[str, str] = field(default_factory=dict)
    """Tensor parallelism in transformers' words: glob of module names to colwise, rowwise, ..."""
    divided: tuple[str, ...] = ()
    """Attributes that count what is split (heads, widths): `<glob of modules>:<attribute>`."""
    no_stages: str = ""
    """Why its layers do not run in stages, as a clause after its name: no `embed`, no `head`."""
    no_tensor: str = ""
    """Why its matrices are not cut, as a clause after its name: no `tensor`."""


def within(name: str, pattern: str) -> bool:
    """Whether a name is, or lies below, what the glob matches; `*` is one part of the name."""
    wanted, parts = pattern.split("."), name.split(".")
    return len(parts) >= len(wanted) and all(map(fnmatchcase, parts, wanted))


def layer_names(model: nn.Module, family: Family) -> list[str]:
    """The module names of the layers, in the order in which they run."""
    depth = family.layers.count(".")
    names = (name for name, _ in model.named_modules())
    return [n for n in names if n.count(".") == depth and within(n, family.layers)]


def tensor_names(model: nn.Module) -> list[str]:
    """All parameters and buffers, tied ones under each of their names."""
    named = (*model.named_parameters(remove_duplicate=False), *model.named_buffers())
    return [name for name, _ in named]


def positions(model: nn.Module, family: Family) -> dict[str, int | None]:
    """Where each tensor is used: 0 before the layers, 1.. in one, last after; None everywhere."""
    layers = layer_names(model, family)
    numbers = {name: number for number, name in enumerate(layers, 1)}
    depth = family.layers.count(".") + 1
    found: dict[str, int | None] = {}
    for name in tensor_names(model):
        layer = ".".join(name.split(".")[:depth])
        if layer in numbers:
            found[name] = numbers[layer]
        elif any(within(name, pattern) for pattern in family.first):
            found[name] = 0
        elif any(within(name, pattern) for pattern in family.shared):
            found[name] = None
        else:
            found[name] = len(layers) + 1
    return found


def owned_names(
    model: PreTrainedModel, family: Family, bounds: Sequence[int], stage: int
) -> set[str]:
    """The tensors that a stage needs, sources of tied ones among them."""
    own = range(bounds[stage], bounds[stage + 1])
    where = positions(model, family)
    names = {name for name, position in where.items() if position is None or position in own}
    ties = tied_names(model)
    return names | {source for target, source in ties.items() if target in names}


def tied_stages(
    model: PreTrainedModel, family: Family, bounds: Sequence[int]
) -> dict[str, list[int]]:
    """Parameters that several stages hold, by name, with those stages in order."""
    held = [owned_names(model, family, bounds, stage) for stage in range(len(bounds) - 1)]
    sources = sorted(set(tied_names(model).values()))
    found = {name: [s for s, names in enumerate(held) if name in names] for name in sources}
    return {name: stages for name, stages in found.items() if len(stages) > 1}


class Stage(nn.Module):
    """What one rank of a pipeline runs: a contiguous range of a model's positions.

    Takes what the stage before gave (the first: the task's inputs, in the order of `names`) and
    gives hidden states, with a mask if there is one; the last gives the model's output. Registers
    only what it owns, so `parameters()` are this rank's; the model's other tensors stay on meta.
    """

    def __init__(
        self, model: PreTrainedModel, family: Family, bounds: Sequence[int], stage: int,
        draws: Draws | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        layers = layer_names(model, family)
        self.whole = (model,)  # in a tuple: not a child
        self.family, self.names = family, tuple[str, ...]()
        self.draws = draws
        self.sends_positions = False
        """Whether beside hidden states positions travel, as in Task, and no mask."""
        self.positions: Tensor | None = None
        begin, end = bounds[stage], bounds[stage + 1]
        self.places, self.head = range(max(begin, 1), end), len(layers) + 1
        self.first, self.last = begin == 0, end == len(layers) + 2
        self.local = layers[max(begin - 1, 0) : end - 1]
        self.runs = [model.get_submodule(name) for name in self.local]
        self.rate = family.layerdrop(model)
        self.adopt(model, owned_names(model, family, bounds, stage))

    def adopt(self, module: nn.Module, owned: set[str], name: str = "") -> None:
        """Registers the largest modules that are owned whole, and single tensors of the others."""
        prefix = f"{name}." if name else ""
        below = {prefix + key for key in tensor_names(module)}
        if name and below and below <= owned:
            self.add_module(name.replace(".", "/"), module)
            return
        for key, parameter in module.named_parameters(recurse=False, remove_duplicate=False):
            if prefix + key in owned:
                self.register_parameter((prefix + key).replace(".", "/"), parameter)
        for key, child in module.named_children():
            if below & owned:
                self.adopt(child, owned, prefix + key)

    def train(self, mode: bool = True) -> "Stage":
        """Sets the mode of the whole model: parents of what is owned ask for it too."""
        super().train(mode)
        self.whole[0].train(mode)
        return self

    def forward(self, received: Received) -> Received | Outputs:
        """See the class."""
        model, family = self.whole[0], self.family
        parts = received if isinstance(received, tuple) else (received,)
        if self.first:
            named = dict(zip(self.names, parts, strict=True))
            hidden, beside = family.embed(model, named)
            beside = named["position_ids"] if self.sends_positions else beside
        else:
            hidden, beside = parts[0], parts[1] if len(parts) > 1 else None
        mask, self.positions = (None, beside) if self.sends_positions else (beside, None)
        if family.through is not None:
            hidden = family.through(model, self, hidden, mask)
        elif self.positions is not None and family.documents is not None:
            hidden = self.pass_layers(hidden, family.documents(model, hidden, self.positions))
        else:
            hidden = self.pass_layers(hidden, family.around(model, hidden, mask))
        if self.last:
            if self.training and self.draws is not None:
                self.draws.at(self.head)
            return family.head(model, hidden, mask)
        return hidden if beside is None else (hidden, beside)

    def pass_layers(self, hidden: Tensor, context: dict[str, Any]) -> Tensor:
        """The stage's layers, one after the other."""
        for layer in self.kept():
            found = layer(hidden, **context)
            hidden = found[0] if isinstance(found, tuple) else found
        return hidden

    def kept(self) -> Iterator[nn.Module]:
        """The layers less those that LayerDrop leaves out of this step."""
        draws = self.draws if self.training and self.rate else None
        for place, layer in zip(self.places, self.runs, strict=False):
            if draws is None or not draws.leaves_out(place, self.rate):
                yield layer
