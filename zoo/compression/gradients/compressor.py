"""Compressed means of the gradient, for any optimizer: one interface, and the compressors by name.

At the same bytes one-bit momentum serves Adam better than any of these; `top-k` and `power-sgd`
are at home with momentum SGD, and lossy gradients in a live second moment do harm.
"""

from collections.abc import Callable
from functools import partial
from typing import Protocol

import torch
from torch import Tensor

from zoo.compression.codecs.codec import make_codec
from zoo.compression.codecs.message import refuse_non_finite
from zoo.compression.fused import Fused
from zoo.compression.gradients.low_rank import PowerSGD
from zoo.compression.gradients.top_k import TopK
from zoo.compression.mean import Group, TwoPhaseMean, dense_mean


class Compressor(Protocol):
    """The mean of the ranks' fused gradients, sent in few bytes; its state may be loaded in place.

    Call it once a step, on the mean over micro-batches, unscaled, weight decay (where it is part of
    the gradient) added; not at all on a step that is skipped.
    """

    @property
    def sent(self) -> int:
        """Bytes that this rank has handed to collectives."""
        ...

    def __call__(self, gradients: Tensor) -> Tensor:
        """The mean of `gradients` (numel,) over the ranks, the same bits on each; all call it.

        FloatingPointError on the rank whose gradient is not finite, before any state is touched.
        """
        ...

    def per_rank(self) -> dict[str, Tensor]:
        """State that differs by rank, each (numel,); their mean over the ranks is what matters."""
        ...

    def sharded(self) -> dict[str, tuple[Tensor, int]]:
        """State of which each rank has a stretch: it and its start in the fused buffer."""
        ...

    def shared(self) -> dict[str, Tensor]:
        """State that is equal on all ranks."""
        ...


class Dense:
    """The mean in full precision, by one all-reduce."""

    def __init__(
        self, fused: Fused, group: Group | None, device: torch.device | str,
        dtype: torch.dtype = torch.float32,
    ) -> None:  # fmt: skip
        self.group = group
        self.sent = 0

    @torch.no_grad()
    def __call__(self, gradients: Tensor) -> Tensor:
        """As Compressor says."""
        refuse_non_finite(gradients)
        mean = gradients.clone()
        self.sent += dense_mean(mean, self.group)
        return mean

    def per_rank(self) -> dict[str, Tensor]:
        """Nothing."""
        return {}

    def sharded(self) -> dict[str, tuple[Tensor, int]]:
        """Nothing."""
        return {}

    def shared(self) -> dict[str, Tensor]:
        """Nothing."""
        return {}


class TwoPhase:
    """The mean over a codec in two phases, with error feedback where the rounding calls for it.

    Sums are in the dtype of the gradient, however short the message: bf16 and fp16 lose nothing by
    adding, on any number of ranks, for the bytes of an all-reduce. int8 needs no feedback, int4
    does (rounding to the nearest is biased).
    """

    def __init__(
        self, codec: str, feedback: bool, fused: Fused, group: Group | None,
        device: torch.device | str, dtype: torch.dtype = torch.float32,
        block: int | None = None, pieces: int | None = None,
    ) -> None:  # fmt: skip
        self.mean = TwoPhaseMean(
            fused.numel, make_codec(codec, block), group, device, dtype,
            feedback=feedback, pieces=pieces,
        )  # fmt: skip

    @property
    def sent(self) -> int:
        """Bytes that this rank has handed to collectives."""
        return self.mean.sent

    def __call__(self, gradients: Tensor) -> Tensor:
        """As Compressor says."""
        return self.mean(gradients)

    def per_rank(self) -> dict[str, Tensor]:
        """What each rank owes."""
        if not self.mean.feedback:
            return {}
        return {"worker_error": self.mean.worker_error[: self.mean.numel]}

    def sharded(self) -> dict[str, tuple[Tensor, int]]:
        """What each owner of a chunk owes."""
        if not self.mean.feedback:
            return {}
        start = self.mean.chunk.start
        valid = max(min(self.mean.chunk.stop, self.mean.numel) - start, 0)
        return {"server_error": (self.mean.server_error[:valid], start)}

    def shared(self) -> dict[str, Tensor]:
        """Nothing."""
        return {}


COMPRESSORS: dict[str, Callable[..., Compressor]] = {
    "dense": Dense,
    "bf16": partial(TwoPhase, "bf16", False),
    "fp16": partial(TwoPhase, "fp16", False),
    "int8": partial(TwoPhase, "int8", False),
    "int4": partial(TwoPhase, "int4", True),
    "top-k": TopK,
    "power-sgd": PowerSGD,
}
"""By name: called with (fused, group, device, dtype) and the options of each as keywords."""
