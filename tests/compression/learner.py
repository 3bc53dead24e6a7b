"""A small learner whose gradients differ by rank: what the compressed optimizers are tried on."""

import math

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Optimizer

WORDS, SEEN, WIDTH, HIDDEN = 64, 50, 24, 48
# Matrices first, biases after: the order of the two groups below.
SHAPES = [(WORDS, WIDTH), (HIDDEN, WIDTH), (WORDS, HIDDEN), (HIDDEN,), (WORDS,)]
NUMEL = sum(math.prod(shape) for shape in SHAPES)
MATRICES = sum(math.prod(shape) for shape in SHAPES if len(shape) == 2)
DECAY, BIAS_RATE = 0.05, 0.5


def start() -> Tensor:
    """The first parameters, flat."""
    generator = torch.Generator().manual_seed(7)
    pieces = [
        torch.randn(shape, generator=generator, dtype=torch.float64)
        / math.sqrt(shape[-1] if len(shape) == 2 else 100)
        for shape in SHAPES
    ]
    return torch.cat([piece.flatten() for piece in pieces])


def cut(flat: Tensor) -> list[Tensor]:
    """A flat vector as tensors of the shapes."""
    pieces = flat.split([math.prod(shape) for shape in SHAPES])
    return [piece.view(shape) for piece, shape in zip(pieces, SHAPES, strict=True)]


def rate(step: int) -> float:
    """A learning rate that is not the same twice."""
    return 4e-3 * min(step / 5, 1) * (1 - 0.005 * step)


def loss(parameters: list[Tensor], rank: int, step: int, examples: int = 24) -> Tensor:
    """Guess one word from another; words beyond SEEN never come, so their rows get zeros."""
    generator = torch.Generator().manual_seed(1000 * step + rank)
    words = torch.randint(SEEN, (examples,), generator=generator)
    noise = torch.rand(examples, generator=generator) < 0.1
    other = torch.randint(SEEN, (examples,), generator=generator)
    wanted = torch.where(noise, other, (3 * words + 7) % SEEN)
    table, inner, outer, bias, last = parameters
    hidden = torch.tanh(functional.linear(table[words], inner, bias))
    return functional.cross_entropy(functional.linear(hidden, outer, last), wanted)


def gradient(flat: Tensor, rank: int, step: int) -> Tensor:
    """The gradient of a rank at a step, flat."""
    parameters = [piece.clone().requires_grad_() for piece in cut(flat)]
    grads = torch.autograd.grad(loss(parameters, rank, step), parameters)
    return torch.cat([grad.flatten() for grad in grads])


def score(flat: Tensor) -> float:
    """The loss on examples that no rank has seen."""
    return loss(cut(flat.double()), 999, 0, 2000).item()


def parameters_of(dtype: torch.dtype = torch.float64) -> list[nn.Parameter]:
    """Parameters to be trained."""
    return [nn.Parameter(piece.to(dtype, copy=True)) for piece in cut(start())]


def groups(parameters: list[nn.Parameter], decay: float = DECAY) -> list[dict[str, object]]:
    """Matrices decay; biases do not and learn at another rate."""
    return [
        {"params": parameters[:3], "weight_decay": decay},
        {"params": parameters[3:], "weight_decay": 0.0},
    ]


def set_rates(optimizer: Optimizer, step: int) -> None:
    """As a scheduler would."""
    matrices, biases = optimizer.param_groups
    matrices["lr"], biases["lr"] = rate(step), BIAS_RATE * rate(step)


def rates() -> Tensor:
    """What each element's learning rate is multiplied by."""
    factors = torch.ones(NUMEL, dtype=torch.float64)
    factors[MATRICES:] = BIAS_RATE
    return factors


def decays() -> Tensor:
    """Each element's weight decay."""
    factors = torch.full((NUMEL,), DECAY, dtype=torch.float64)
    factors[MATRICES:] = 0
    return factors


def flat(parameters: list[nn.Parameter]) -> Tensor:
    """All parameters in one vector."""
    return torch.cat([parameter.detach().flatten() for parameter in parameters])


def set_gradients(parameters: list[nn.Parameter], rank: int, step: int) -> None:
    """This rank's local gradients."""
    for parameter in parameters:
        parameter.grad = None
    loss(parameters, rank, step).backward()  # type: ignore[arg-type]


def advance(optimizer: Optimizer, parameters: list[nn.Parameter], first: int, last: int) -> None:
    """Steps from `first` to `last` on this rank's own gradients."""
    rank = dist.get_rank() if dist.is_initialized() else 0
    for step in range(first, last + 1):
        set_rates(optimizer, step)
        set_gradients(parameters, rank, step)
        optimizer.step()


def agree(values: Tensor) -> bool:
    """Whether all ranks have the same bits."""
    everyone = [torch.empty_like(values) for _ in range(dist.get_world_size())]
    dist.all_gather(everyone, values)
    return all(torch.equal(values, other) for other in everyone)
