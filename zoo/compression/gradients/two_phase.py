"""The mean of gradients over a codec: fewer bits an element."""

import torch
from torch import Tensor

from zoo.compression.codecs.codec import make_codec
from zoo.compression.codecs.message import bearable
from zoo.compression.fused import Fused
from zoo.compression.mean import Group, TwoPhaseMean


class TwoPhase:
    """The mean over a codec in two phases, with error feedback where the rounding calls for it.

    Sums are in the dtype of the gradient, however short the message: bf16 and fp16 lose nothing by
    adding, on any number of ranks, for the bytes of an all-reduce. int8 needs no feedback, int4
    does (rounding to the nearest is biased).
    """

    def __init__(
        self, fused: Fused, group: Group | None, device: torch.device | str,
        dtype: torch.dtype = torch.float32, *, codec: str, feedback: bool,
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

    def bears(self, gradients: Tensor) -> bool:
        """As Compressor says; short floats also have a largest number."""
        return bearable(gradients, self.mean.codec.reach)

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
