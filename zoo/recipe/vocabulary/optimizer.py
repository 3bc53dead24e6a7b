"""What others ask about an optimizer: one entry each, and the functions that read them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from zoo.recipe.vocabulary.parameters import Parameters


@dataclass(frozen=True)
class Optimizer:
    """One optimizer, as everything but its own class knows it."""

    doc: str
    """What it is, in a line."""
    parameters: Parameters
    """What `optimizer.params` may hold."""
    made_by: str
    """`module:name` of what makes it from groups and settings."""
    update: str
    """The rule it is a form of: `adam`, `lamb`, `sgd`, ...; forms of one rule share their rates."""
    moments: tuple[str, ...] = ("exp_avg", "exp_avg_sq")
    """What it keeps of each parameter, by name; forms of one rule keep the same."""
    title: str = ""
    """Its name in words, where messages need one."""
    whole_matrices: bool = False
    """Looks at whole matrices: flat partitions and slices would make another algorithm of it."""
    variance_may_freeze: bool = False
    """Its second moment may stay as it is while gradients are rough."""
    momentum_may_move: bool = False
    """Its momentum is plain, so that a compressor may hold it instead."""
    averages_itself: bool = False
    """Averages over the data ranks, clips and skips by itself; DeepSpeed then runs at ZeRO 0."""
    sharded_by: str = ""
    """`module:name` of its form under ZeRO stage 1, if it averages itself and has one."""
    begins: str = ""
    """The parameter that says when it begins to compress."""
    sends_early: str = ""
    """The parameter after whose steps something is compressed even before `begins`."""
    intervals_grow: bool = False
    """What it sends changes over the run, so that no step stands for the others."""
    steps_alone: bool = False
    """Ranks step by themselves and meet every so often, also to evaluate and to save."""
    dense: str = ""
    """The optimizer that it is a compressed form of."""
    unused: Mapping[str, str] = field(default_factory=dict)
    """Parameters that are taken without effect, and why."""
    kernels: tuple[str, ...] = ()
    """Parameters that choose a kernel or are spent in making groups: the class never sees them."""
    each: str = ""
    """`module:name` of what settles a parameter's own settings from params and its shape."""
    rates: tuple[str, ...] = ()
    """Rates that together stand for `lr`; without either, something must be said."""
    alias: tuple[str, str] | None = None
    """Really another optimizer (second) unless this parameter (first) is false."""
    fixed: Mapping[str, Any] = field(default_factory=dict)
    """Parameters that its name settles, with their only value."""
    torch_defaults: Mapping[str, Any] = field(default_factory=dict)
    """Defaults that hold with `torch_adam`: DeepSpeed takes torch's class then."""

    @property
    def bears_rough(self) -> bool:
        """Whether it learns from gradients that are delayed and noisy."""
        return self.variance_may_freeze or self.momentum_may_move
