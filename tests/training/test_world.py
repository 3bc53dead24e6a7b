"""Which device a rank takes, and how it computes there."""

import pytest
import torch

from zoo.errors import ConfigError
from zoo.layout import Place
from zoo.training import world


def gpus(monkeypatch: pytest.MonkeyPatch, usable: int, there: bool) -> None:
    """A machine whose GPUs torch can use, or cannot although they are there."""
    monkeypatch.delenv("DS_ACCELERATOR", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: usable > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: usable)
    monkeypatch.setattr(world, "nvidia_gpus", lambda environment: there)
    monkeypatch.setattr(torch.version, "cuda", "13.0")


def test_a_rank_takes_its_gpu_or_the_only_one_that_it_sees(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gpus(monkeypatch, 2, True)
    assert world.device_of(Place(1, 2, 1)) == torch.device("cuda", 1)
    gpus(monkeypatch, 1, True)
    assert world.device_of(Place(1, 2, 1)) == torch.device("cuda", 0)


def test_a_gpu_that_torch_cannot_use_is_said_and_the_cpu_is_a_choice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gpus(monkeypatch, 0, True)
    with pytest.raises(ConfigError, match="GPU: found an NVIDIA GPU that torch, built for CUDA 13"):
        world.device_of(Place())
    monkeypatch.setenv("DS_ACCELERATOR", "cpu")
    assert world.device_of(Place()) == torch.device("cpu")
    gpus(monkeypatch, 0, False)
    assert world.device_of(Place()) == torch.device("cpu")


def test_fp32_is_no_tf32_anywhere() -> None:
    world.exact_fp32()
    matmul, convolution = torch.backends.cuda.matmul, torch.backends.cudnn.conv  # type: ignore[attr-defined]
    assert matmul.fp32_precision == convolution.fp32_precision == "ieee"  # type: ignore[attr-defined]
