"""The moving average against its definition, and weights that come back as they were."""

import math

import pytest
import torch

from zoo.engines.engine import Fragment
from zoo.engines.update.average import Average


@pytest.mark.parametrize("warmup", [0, 3])
def test_it_is_what_its_definition_says_and_starts_from_the_first_weights(warmup: int) -> None:
    generator = torch.Generator().manual_seed(0)
    values = [torch.randn(5, generator=generator) for _ in range(7)]
    weight = values[0].clone()
    average = Average([Fragment("param/a.weight", (2, 5), 5, weight, False)], 0.9, warmup)
    expected = values[0].double()
    for step, value in enumerate(values[1:], 1):
        weight.copy_(value)
        average.update()
        d = 0.9 * (1 - math.exp(-step / warmup)) if warmup else 0.9
        expected = d * expected + (1 - d) * value.double()
    [found] = average.fragments()
    assert (found.key, found.shape, found.start) == ("ema/a.weight", (2, 5), 5)
    assert not found.primary
    assert (found.tensor - expected).abs().max() < 1e-6


def test_what_is_put_in_the_weights_place_gives_them_back_bit_by_bit() -> None:
    weight = torch.tensor([1.0, math.pi])
    average = Average([Fragment("param/a", (2,), 0, weight)], 0.5, 0)
    weight.mul_(3)
    average.update()
    kept, mean = weight.clone(), average.means[0].clone()
    average.swap()
    assert torch.equal(weight, mean) and not torch.equal(weight, kept)
    with pytest.raises(AssertionError, match="not in their places"):
        list(average.fragments())
    average.swap()
    assert torch.equal(weight, kept) and torch.equal(average.means[0], mean)
