"""What the codecs and the mean must compute, written out in float64, all ranks in one loop."""

import torch
from torch import Tensor

BLOCK = {"sign": 1024, "int8": 1024, "int4": 256}


def coded(name: str, values: Tensor, real: Tensor) -> Tensor:
    """C(values): what arrives; `real` is 1 where an element is no padding."""
    if name == "identity":
        return values * real
    if name in ("bf16", "fp16"):
        short = torch.bfloat16 if name == "bf16" else torch.float16
        return (values * real).to(short).to(values.dtype)
    rows = (values * real).view(-1, BLOCK[name])
    if name == "sign":
        count = real.view(rows.shape).sum(1, keepdim=True).clamp(min=1)
        scale = ((rows**2).sum(1, keepdim=True) / count).sqrt()
        return torch.where(rows >= 0, scale, -scale).flatten() * real
    levels = {"int8": 127, "int4": 7}[name]
    scale = rows.abs().amax(1, keepdim=True) / levels
    scale[scale == 0] = 1
    return ((rows / scale).round() * scale).flatten()


class Simulation:
    """Section by section the error-feedback mean: worker errors by rank, one server error."""

    def __init__(self, up: str, down: str, numel: int, padded: int, ranks: int) -> None:
        self.up, self.down, self.numel = up, down, numel
        self.real = (torch.arange(padded) < numel).double()
        self.worker = [torch.zeros(padded, dtype=torch.float64) for _ in range(ranks)]
        self.server = torch.zeros(padded, dtype=torch.float64)

    def first_phase(self, values: list[Tensor]) -> Tensor:
        """The mean of what the workers send."""
        total = torch.zeros_like(self.server)
        for rank, value in enumerate(values):
            owed = self.worker[rank].clone()
            owed[: self.numel] += value
            sent = coded(self.up, owed, self.real)
            self.worker[rank] = (owed - sent) * self.real
            total += sent
        return total / len(values)

    def __call__(self, values: list[Tensor]) -> Tensor:
        """What every rank is given back."""
        owed = self.first_phase(values) + self.server
        result = coded(self.down, owed, self.real)
        self.server = (owed - result) * self.real
        return result[: self.numel]

    @property
    def owed(self) -> Tensor:
        """The total residual: mean worker error + server error."""
        return (sum(self.worker) / len(self.worker) + self.server)[: self.numel]
