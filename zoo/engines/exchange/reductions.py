"""Three ways for data ranks to reduce that are not DeepSpeed's: see the classes."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from zoo.compression.gradients.compressor import Compressor
from zoo.compression.gradients.local import OuterStep
from zoo.compression.mean import dense_mean
from zoo.compression.optimizers.communicating import Communicating
from zoo.compression.optimizers.sharded import ShardedOneBitAdam
from zoo.engines.engine import Fragment
from zoo.engines.exchange.kept import RENAMED, Kept, Read
from zoo.engines.holdings import Holding

Agreed = Callable[[bool], bool]
"""Whether all ranks say yes; all of them call it."""


class OwnMeans(Kept):
    """The optimizer averages, clips and skips by itself."""

    source: Communicating
    clips = True

    @property
    def skipped(self) -> bool:  # type: ignore[override]
        """See Exchange."""
        return self.source.skipped

    @property
    def own_norm(self) -> float:  # type: ignore[override]
        """See Exchange: of the mean gradient, or after the freeze the ranks' root mean square."""
        return self.source.last_norm

    def facts(self) -> dict[str, float]:
        """See Exchange: once the variance is frozen, how many denominators its floor raised
        (`frozen_lifted`) and how many elements never move (`frozen_masked`), of this rank's own.
        """
        return {f"frozen_{kind}": count for kind, count in self.source.frozen_counts.items()}

    def settle(self) -> None:
        """See Exchange."""
        self.source.settle()

    def replaces(self, key: str) -> bool:
        """See Exchange: of a sharded optimizer, what its owners have."""
        return key in {RENAMED.get(kind, kind) for kind in self.source.sharded()}

    def fragments(self, rank: int) -> Iterator[Fragment]:
        """See Exchange; replicas follow masters through a codec, so they are kept beside."""
        yield from super().fragments(rank)
        if self.replaces("param"):
            for one in self.held:
                flat = one.tensor.data.view(-1)
                yield Fragment(f"replica/{one.name}", one.shape, 0, flat, rank == 0, one.part)

    def counters(self) -> dict[str, Any]:
        """See Exchange; whether parameters stand beside their masters."""
        return super().counters() | {"replicas": self.replaces("param")}

    def restore(self, counters: dict[str, Any], read: Read, rank: int) -> None:
        """See Exchange; a run that had no owners left no replicas: masters are published."""
        known = counters["replicas"]

        def present(fragment: Fragment) -> None:
            if known or not fragment.key.startswith("replica/"):
                read(fragment)

        super().restore(counters, present, rank)
        if isinstance(self.source, ShardedOneBitAdam) and not known:
            self.source.publish()


class Compressed(Kept):
    """Gradients are averaged through a compressor from step `start` + 1 on, whole before.

    `decay` is added to the gradient, parameter by parameter, where the compressor's momentum takes
    the place of the optimizer's. Ranks compress only if `agreed` finds that all of them can: what
    is not finite would stay in the residuals.
    """

    source: Compressor

    def __init__(
        self, source: Compressor, whole: Compressor, held: Sequence[Holding], ranks: int,
        start: int, agreed: Agreed, decay: Sequence[float] = (), clips: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(source, held, ranks)
        self.whole, self.start, self.decay, self.clips = whole, start, decay, clips
        self.agreed = agreed
        device = held[0].tensor.device
        total = sum(one.tensor.numel() for one in held)
        self.buffer = torch.zeros(total, dtype=torch.float32, device=device)

    @property
    def sent(self) -> int:
        """See Exchange."""
        return self.source.sent + self.whole.sent

    @torch.no_grad()
    def average(self, step: int) -> bool:
        """See Exchange."""
        places = list(self.places())
        for one, start, numel in places:
            part, gradient = self.buffer[start : start + numel], one.tensor.grad
            part.zero_() if gradient is None else part.copy_(gradient.view(-1))
        for (one, start, numel), decay in zip(places, self.decay, strict=False):
            self.buffer[start : start + numel].add_(one.tensor.view(-1), alpha=decay)
        compressor = self.source if step > self.start else self.whole
        if not self.agreed(compressor.bears(self.buffer)):
            return False
        mean = compressor(self.buffer)
        for one, start, numel in places:
            found = mean[start : start + numel].view_as(one.tensor)
            if one.tensor.grad is None:
                one.tensor.grad = torch.empty_like(one.tensor, dtype=one.tensor.grad_dtype)
            one.tensor.grad.copy_(found)
        return True


class Alone(Kept):
    """Ranks step alone and meet every so often (local SGD, DiLoCo); each keeps its own moments."""

    source: OuterStep

    def __init__(
        self, source: OuterStep, whole: Compressor, held: Sequence[Holding], ranks: int,
        agreed: Agreed, states: Callable[[Tensor], dict[str, Tensor]],
    ) -> None:  # fmt: skip
        super().__init__(source, held, ranks)
        self.together = Compressed(whole, whole, held, ranks, 0, agreed)
        self.states, self.apart, self.steps_alone = states, False, False

    @property
    def sent(self) -> int:
        """See Exchange."""
        return self.source.sent + self.together.whole.sent

    def average(self, step: int) -> bool:
        """See Exchange."""
        self.steps_alone = step > self.source.first
        return self.steps_alone or self.together.average(step)

    def norm_of_all(self, norm: float) -> float:
        """See Exchange: not finite where one rank's is not, so that all skip the step."""
        if not self.steps_alone:
            return norm
        square = self.source.theta.new_tensor(norm).double().square()
        dense_mean(square, self.source.group)
        return float(square.sqrt())

    def stepped(self, step: int) -> None:
        """See Exchange."""
        if step == self.source.first:
            self.source.begin(self.parameters())
        self.apart = step > self.source.first
        if self.source.due(step):
            self.settle()

    def settle(self) -> None:
        """See Exchange: ranks meet early."""
        if self.apart:
            self.source.sync(self.parameters())
        self.apart = False

    def replaces(self, key: str) -> bool:
        """See Exchange."""
        return key in self.states(self.held[0].tensor)

    def of_rank(self, rank: int) -> Iterator[Fragment]:
        """What differs by rank: the moments too."""
        yield from super().of_rank(rank)
        for one in self.held:
            for kind, tensor in self.states(one.tensor).items():
                flat = tensor.view(-1)
                yield Fragment(f"{kind}.{rank}/{one.name}", one.shape, 0, flat, True, one.part)

    def parameters(self) -> list[Tensor]:
        """The parameters that meet."""
        return [one.tensor.data for one in self.held]
