"""What data ranks may send in place of whole gradients: one entry a kind."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from zoo.recipe.spec.compression import Int4, LocalSGD, PowerSGD, Short, TopK
from zoo.recipe.spec.words import Spec


@dataclass(frozen=True)
class Compressor:
    """One kind of `parallel.compression`, as everything but its own class knows it."""

    spec: type[Spec]
    """Its keys beside `kind`."""
    made_by: str
    """`module:name` of its class, called with the fused buffer, a group, a device and options."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Options that its name settles."""
    words: Mapping[str, str] = field(default_factory=dict)
    """Keys of its spec that its class knows under other names."""
    seeded: bool = False
    """Takes the run's seed as an option."""
    rough: bool = False
    """Gradients arrive delayed and noisy: a live second moment would suffer."""
    sparse: bool = False
    """Most of a gradient is left out of a step: Adam learns otherwise than with whole ones."""
    without_momentum: Mapping[str, Any] = field(default_factory=dict)
    """It can hold the momentum in place of SGD; these options leave it to the optimizer."""
    steps_alone: bool = False
    """Ranks step by themselves and meet every so often."""
    advised: bool = True
    """Whether `zoo advise` weighs it; not where another sends the same bytes."""

    @property
    def holds_momentum(self) -> bool:
        """Whether it can take the place of SGD's momentum."""
        return bool(self.without_momentum)


_OURS = "zoo.compression.gradients"
_TWO_PHASE = f"{_OURS}.two_phase:TwoPhase"


def _short(codec: str, **more: Any) -> Compressor:
    return Compressor(Short, _TWO_PHASE, {"codec": codec, "feedback": False}, **more)


COMPRESSORS: dict[str, Compressor] = {
    "bf16": _short("bf16"),
    "fp16": _short("fp16", advised=False),
    "int8": _short("int8"),
    "int4": Compressor(Int4, _TWO_PHASE, {"codec": "int4", "feedback": True}, rough=True),
    "top-k": Compressor(
        TopK,
        f"{_OURS}.top_k:TopK",
        rough=True,
        sparse=True,
        without_momentum={"momentum": 0.0, "mask": False},
    ),
    "power-sgd": Compressor(
        PowerSGD, f"{_OURS}.low_rank:PowerSGD", seeded=True, rough=True, sparse=True
    ),
    "local-sgd": Compressor(
        LocalSGD,
        f"{_OURS}.local:OuterStep",
        words={"every": "period", "outer_lr": "lr", "outer_momentum": "momentum"},
        steps_alone=True,
    ),
}
