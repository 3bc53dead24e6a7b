"""PowerSGD: matrices travel as two thin factors, which can be summed as they are."""

from collections.abc import Iterator

import torch
import torch.distributed as dist
from torch import Tensor

from zoo.compression.codecs.message import bearable, refuse_non_finite
from zoo.compression.fused import Fused
from zoo.compression.mean import Group, dense_mean, world


def hardware(group: Group | None, device: torch.device) -> set[str]:
    """What the ranks of a group compute on, by name; all of them call it."""
    cuda = device.type == "cuda"
    own = torch.cuda.get_device_name(device) if cuda else torch.backends.cpu.get_cpu_capability()
    names: list[str] = [own] * world(group)[1]
    if len(names) > 1:
        dist.all_gather_object(names, own, group=group)
    return set(names)


class Factors:
    """One matrix (rows, columns) of the fused buffer, and where its factors stand in theirs."""

    def __init__(self, start: int, rows: int, columns: int, rank: int) -> None:
        self.elements = slice(start, start + rows * columns)
        self.shape = (rows, columns)
        self.rank = rank

    def matrix(self, flat: Tensor) -> Tensor:
        """The matrix in a fused buffer."""
        return flat[self.elements].view(self.shape)


class PowerSGD:
    """The mean of rank-r approximations of the gradient plus what was owed (arXiv 1905.13727).

    Algorithms 1 and 2 with one power iteration: P = mean(M Q) made orthonormal, Q = mean(M^T P),
    result P Q^T, and M - P Q^T is owed. Tensors of two or more dimensions are matrices (first
    dimension, the rest) and are factored if that is `min_compression_rate` times shorter; the rest
    travels whole in the message of P: two all-reduces a step. Q starts from a seed, equal on all
    ranks, and with `warm_start` goes on from the step before. Linear in the gradients, so there is
    no server error. In a group of one nothing is compressed. Ranks on different hardware may
    round P otherwise when they make it orthonormal: there the first rank's is sent to all.
    """

    def __init__(
        self, fused: Fused, group: Group | None, device: torch.device | str,
        dtype: torch.dtype = torch.float32, *, rank: int = 4, min_compression_rate: float = 2,
        warm_start: bool = True, feedback: bool = True, seed: int = 0,
    ) -> None:  # fmt: skip
        self.group, self.ranks = group, world(group)[1]
        self.mixed = len(hardware(group, torch.device(device))) > 1
        self.warm_start, self.feedback, self.seed = warm_start, feedback, seed
        self.matrices: dict[int, Factors] = {}
        self.rest: list[slice] = []
        for index, (parameter, start, numel) in enumerate(fused.slots):
            rows = parameter.shape[0] if parameter.ndim > 1 and numel else 0
            columns = numel // rows if rows else 0
            r = min(rank, rows, columns)
            if (rows + columns) * r * min_compression_rate < rows * columns:
                self.matrices[index] = Factors(start, rows, columns, r)
            else:
                self.rest.append(slice(start, start + numel))
        self.error = torch.zeros(fused.numel, dtype=dtype, device=device)
        left = sum(m.shape[0] * m.rank for m in self.matrices.values())
        right = sum(m.shape[1] * m.rank for m in self.matrices.values())
        dense = sum(part.stop - part.start for part in self.rest)
        self.left = self.error.new_zeros(left + dense)  # every P, then what travels whole
        self.right = self.error.new_zeros(right)  # every Q
        self.rate = fused.numel / max(left + dense + right, 1)
        self.draws = torch.zeros(1, dtype=torch.int64)
        self.sent = 0
        self._draw()

    def bears(self, gradients: Tensor) -> bool:
        """As Compressor says."""
        return bearable(gradients)

    @torch.no_grad()
    def __call__(self, gradients: Tensor) -> Tensor:
        """As Compressor says."""
        refuse_non_finite(gradients)
        self.error += gradients
        if self.ranks == 1:
            mean = self.error.clone()
            self.error.zero_()
            return mean
        if not self.warm_start:
            self._draw()
        self._project()
        mean = torch.empty_like(self.error)
        for matrix, p, q in self._factors():
            torch.matmul(p, q.T, out=matrix.matrix(mean))
        for part, whole in self._dense():
            mean[part] = whole
        self._owe(mean)
        return mean

    def _project(self) -> None:
        """Both factors of the mean; the tensors that travel whole beside the left ones."""
        for matrix, p, q in self._factors():
            torch.matmul(matrix.matrix(self.error), q, out=p)
        for part, whole in self._dense():
            whole.copy_(self.error[part])
        self.sent += dense_mean(self.left, self.group)
        for _, p, _ in self._factors():
            p.copy_(torch.linalg.qr(p).Q)
        if self.mixed:
            dist.broadcast(self.left, group=self.group, group_src=0)
            self.sent += self.left.nbytes
        for matrix, p, q in self._factors():
            torch.matmul(matrix.matrix(self.error).T, p, out=q)
        self.sent += dense_mean(self.right, self.group)

    def _owe(self, mean: Tensor) -> None:
        """What this rank gave and the mean does not hold."""
        if not self.feedback:
            self.error.zero_()
            return
        self.error -= mean
        for part in self.rest:
            self.error[part] = 0

    def _draw(self) -> None:
        """A fresh Q of orthonormal columns, the same on all ranks."""
        generator = torch.Generator().manual_seed(self.seed + int(self.draws))
        for _, _, q in self._factors():
            drawn = torch.randn(q.shape, generator=generator, dtype=torch.float64)
            q.copy_(torch.linalg.qr(drawn).Q)
        self.draws += 1

    def _factors(self) -> Iterator[tuple[Factors, Tensor, Tensor]]:
        """Each matrix with its P (rows, rank) and its Q (columns, rank)."""
        left = right = 0
        for matrix in self.matrices.values():
            (rows, columns), rank = matrix.shape, matrix.rank
            p = self.left[left : left + rows * rank].view(rows, rank)
            q = self.right[right : right + columns * rank].view(columns, rank)
            left, right = left + rows * rank, right + columns * rank
            yield matrix, p, q

    def _dense(self) -> Iterator[tuple[slice, Tensor]]:
        """Each stretch that travels whole, and its place behind the left factors."""
        start = self.left.numel() - sum(part.stop - part.start for part in self.rest)
        for part in self.rest:
            length = part.stop - part.start
            yield part, self.left[start : start + length]
            start += length

    def per_rank(self) -> dict[str, Tensor]:
        """What each rank owes."""
        return {"worker_error": self.error} if self.feedback else {}

    def sharded(self) -> dict[str, tuple[Tensor, int]]:
        """Nothing."""
        return {}

    def shared(self) -> dict[str, Tensor]:
        """Every Q (columns, rank), by the place of its parameter; how often Q was drawn."""
        factors = (q for _, _, q in self._factors())
        named = {f"q/{index}": q for index, q in zip(self.matrices, factors, strict=True)}
        return named | {"draws": self.draws}
